// RUN: tegula-opt %s --sched-plan=target=pdp-11 -verify-diagnostics

// expected-error @below {{unknown target 'pdp-11'}}
module {
}
