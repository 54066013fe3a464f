//===- ChannelOps.td - Rings, slots, batons ---------------*- tablegen -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// None of these ops declares its effects: they are ordered with everything.
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_DIALECT_SCHED_IR_CHANNELOPS_TD
#define TEGULA_DIALECT_SCHED_IR_CHANNELOPS_TD

include "tegula/Dialect/Sched/IR/SchedBase.td"

def Sched_ChannelOp : Sched_NamedOp<"channel", [
    InferTypeOpAdaptor]> {
  let summary = "a ring over buffers";
  let description = [{
    Producer and consumer roles are those that acquire and wait. `kind` says who
    learns how that a slot is full. `tx`: bytes counted on a barrier object (bulk
    copies). `arrive`: every producer thread arrives when its earlier copies have
    landed, or plainly. `fifo`: each thread counts its own commits in order, then
    a barrier of the role. `sync`: the writes were ordinary stores of the role
    itself, so its barrier is enough; with one thread it costs nothing.

    * C1: stands directly in the grid's body.
    * C2: one buffer at least, each an `alloc` of this kernel that belongs to no
      other channel.
    * C3: the buffers have equal stage counts.
    * C4: the buffers lie in one space.

    ```mlir
    // in an instance
    %x = sched.alloc : !sched.buf<3 x 128x64xbf16, shared, swz 128>
    %c = sched.channel %x kind fifo : !sched.buf<3 x 128x64xbf16, shared, swz 128>
    ```
  }];
  let arguments = (ins Variadic<Sched_BufType>:$buffers, Sched_CompletionAttr:$kind,
                       OptionalAttr<StrAttr>:$ssa_name);
  let results = (outs Sched_ChanType:$channel);
  let assemblyFormat = [{
    `` custom<SsaName>($ssa_name) $buffers `kind` `` $kind attr-dict `:` type($buffers)
  }];
  let hasVerifier = 1;
}

def Sched_AcquireOp : Sched_NamedOp<"acquire", [
    InferTypeOpAdaptor]> {
  let summary = "waits for a free slot, which may then be written";
  let description = [{
    Generation g needs g - depth released by *all* consumers. Across roles: a wait
    on the credit. In one role: no instruction, unless no barrier of the role lies
    between that release and here. C1: stands in a role.

    ```mlir
    // in a role
    %w = sched.acquire %ch : !chan
    ```
  }];
  let arguments = (ins Sched_ChanType:$channel, OptionalAttr<StrAttr>:$ssa_name);
  let results = (outs Sched_SlotType:$slot);
  let assemblyFormat = "`` custom<SsaName>($ssa_name) $channel attr-dict `:` type($channel)";
  let hasVerifier = 1;
}

def Sched_PartOp : Sched_NamedOp<"part", [
    Pure, InferTypeOpAdaptor]> {
  let summary = "one buffer of a slot";
  let description = [{
    `%w#1` of the shorthand: the slot's generation in the channel's buffer of that
    number, one stage of it. Accesses to it are accesses to the slot: written while
    the slot is acquired, read while it is waited for. C1: the channel has a buffer
    of that number.

    ```mlir
    // in a role
    %w = sched.acquire %ch : !chan
    %b = sched.part %w[0] : !sched.slot<acquired, !chan>
    ```
  }];
  let arguments = (ins Sched_SlotType:$slot, I64Attr:$number, OptionalAttr<StrAttr>:$ssa_name);
  let results = (outs Sched_BufType:$buffer);
  let assemblyFormat = [{
    `` custom<SsaName>($ssa_name) $slot `[` $number `]` attr-dict `:` type($slot)
  }];
}

def Sched_CommitOp : Sched_Op<"commit"> {
  let summary = "no more writes to this generation";
  let description = [{
    Closes the span: the copies into it are all issued, and the slot becomes full
    when they have landed. Counts also where their `where` dropped them. C1: the
    slot is acquired.

    ```mlir
    // in a role
    %w = sched.acquire %ch : !chan
    sched.commit %w : !sched.slot<acquired, !chan>
    ```
  }];
  let arguments = (ins Sched_SlotType:$slot);
  let assemblyFormat = "$slot attr-dict `:` type($slot)";
  let hasVerifier = 1;
}

def Sched_WaitOp : Sched_NamedOp<"wait", [
    InferTypeOpAdaptor]> {
  let summary = "waits until the next generation is full and visible";
  let description = [{
    To every member of the role. `inflight n`: the n youngest *commits of the
    role's FIFO*, of whatever channel, may still fly.

    * C1: stands in a role.
    * C2: only `fifo` channels count what is in flight; the count is not negative.

    ```mlir
    // in a role
    %r = sched.wait %ch inflight 1 : !chan
    ```
  }];
  let arguments = (ins Sched_ChanType:$channel, DefaultValuedAttr<I64Attr, "0">:$inflight,
                       OptionalAttr<StrAttr>:$ssa_name);
  let results = (outs Sched_SlotType:$slot);
  let assemblyFormat = [{
    `` custom<SsaName>($ssa_name) $channel (`inflight` $inflight^)? attr-dict `:` type($channel)
  }];
  let hasVerifier = 1;
}

def Sched_ReleaseOp : Sched_Op<"release"> {
  let summary = "gives a slot back";
  let description = [{
    C1: the slot is waited for.

    ```mlir
    // in a role
    %r = sched.wait %ch : !chan
    sched.release %r : !sched.slot<waited, !chan>
    ```
  }];
  let arguments = (ins Sched_SlotType:$slot);
  let assemblyFormat = "$slot attr-dict `:` type($slot)";
  let hasVerifier = 1;
}

def Sched_DrainOp : Sched_Op<"drain"> {
  let summary = "ends what a role still has in a ring of its own";
  let description = [{
    Waits for all its copies, ends its surplus generations (all of them dropped by
    `where`), barrier: the ring is empty and may be used again. C1: stands in a
    role.

    ```mlir
    // in a role
    sched.drain %ch : !chan
    ```
  }];
  let arguments = (ins Sched_ChanType:$channel);
  let assemblyFormat = "$channel attr-dict `:` type($channel)";
  let hasVerifier = 1;
}

def Sched_BatonOp : Sched_NamedOp<"baton"> {
  let summary = "a named order of a role's members";
  let description = [{
    Member 0 has the first turn, then strictly round. C1: stands directly in the
    grid's body. C2: at least one member.

    ```mlir
    // in an instance
    %b = sched.baton 2
    ```
  }];
  let arguments = (ins I64Attr:$members, OptionalAttr<StrAttr>:$ssa_name);
  let results = (outs Sched_BatonType:$baton);
  let assemblyFormat = "`` custom<SsaName>($ssa_name) $members attr-dict";
  let hasVerifier = 1;
}

def Sched_TurnOp : Sched_Op<"turn"> {
  let summary = "waits for the member's turn";
  let description = [{
    C1: stands in a role with as many members as the baton.

    ```mlir
    // in an instance
    %b = sched.baton 1
    sched.role @mma groups 1 {
      sched.turn %b
      sched.pass %b
    }
    ```
  }];
  let arguments = (ins Sched_BatonType:$baton);
  let assemblyFormat = "$baton attr-dict";
  let hasVerifier = 1;
}

def Sched_PassOp : Sched_Op<"pass"> {
  let summary = "gives the turn to the next member";
  let description = [{
    C1: stands in a role with as many members as the baton.

    ```mlir
    // in an instance
    %b = sched.baton 1
    sched.role @mma groups 1 {
      sched.turn %b
      sched.pass %b
    }
    ```
  }];
  let arguments = (ins Sched_BatonType:$baton);
  let assemblyFormat = "$baton attr-dict";
  let hasVerifier = 1;
}

#endif // TEGULA_DIALECT_SCHED_IR_CHANNELOPS_TD
