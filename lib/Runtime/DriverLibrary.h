//===- DriverLibrary.h - A driver's functions, found at run time ---------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_LIB_RUNTIME_DRIVERLIBRARY_H
#define TEGULA_LIB_RUNTIME_DRIVERLIBRARY_H

#include "tegula/Support/Diagnostic.h"

#include <dlfcn.h>

#include <string>
#include <vector>

namespace tegula {

/// A shared library of a driver. It is never closed.
class DriverLibrary {
public:
  /// The first of `names` that can be opened, or a message that `what` is missing.
  bool open(const std::string &what, const std::vector<std::string> &names,
            Diagnostics &diagnostics) {
    this->what = what;
    std::string reason;
    for (const std::string &name : names) {
      handle = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
      if (handle)
        return true;
      // The first reason speaks of the name that the system should have.
      if (const char *said = dlerror(); said && reason.empty())
        reason = said;
    }
    diagnostics.push_back(makeError("found no " + what + ": " + reason));
    return false;
  }

  /// Writes the address of the first of `names` that the library has.
  template <typename Function>
  bool find(Function *&function, const std::vector<const char *> &names,
            Diagnostics &diagnostics) const {
    for (const char *name : names)
      if (void *address = dlsym(handle, name)) {
        function = reinterpret_cast<Function *>(address);
        return true;
      }
    diagnostics.push_back(
        makeError("the " + what + " has no function '" + names.front() + "': it is too old"));
    return false;
  }

private:
  std::string what;
  void *handle = nullptr;
};

} // namespace tegula

#endif // TEGULA_LIB_RUNTIME_DRIVERLIBRARY_H
