# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

# `tegula_mlir`: headers and libraries of LLVM and MLIR, shared or static.
# Debian's exported static targets pull in the shared libraries as well, and two
# MLIRs in one process still run: hence the plain list of archives.
add_library(tegula_mlir INTERFACE)
target_include_directories(tegula_mlir SYSTEM INTERFACE ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})
target_include_directories(tegula_mlir INTERFACE ${CMAKE_SOURCE_DIR}/include ${CMAKE_BINARY_DIR}/include)
separate_arguments(_defs UNIX_COMMAND "${LLVM_DEFINITIONS}")
target_compile_options(tegula_mlir INTERFACE
  ${_defs} $<$<COMPILE_LANGUAGE:CXX>:-fno-rtti> -fno-exceptions -Wall -Wextra -Werror
  -Wno-unused-parameter -fvisibility=hidden -ffunction-sections -fdata-sections)
if(TEGULA_ASSERTIONS)
  target_compile_options(tegula_mlir INTERFACE -UNDEBUG)
endif()
if(TEGULA_SANITIZE)
  target_compile_options(tegula_mlir INTERFACE -fsanitize=${TEGULA_SANITIZE} -fno-omit-frame-pointer
    -fno-sanitize=vptr,function)
  target_link_options(tegula_mlir INTERFACE -fsanitize=${TEGULA_SANITIZE})
endif()
if(TEGULA_STATIC)
  file(GLOB _mlir ${LLVM_LIBRARY_DIRS}/libMLIR*.a)
  list(FILTER _mlir EXCLUDE REGEX "libMLIR(Test|CAPI|MlirOptMain).*")
  file(GLOB _llvm ${LLVM_LIBRARY_DIRS}/libLLVM*.a)
  target_link_libraries(tegula_mlir INTERFACE
    -Wl,--start-group ${_mlir} ${_llvm} -Wl,--end-group
    -Wl,--as-needed -Wl,--gc-sections -Wl,--exclude-libs,ALL
    -static-libstdc++ -static-libgcc -l:libz.a -l:libzstd.a -lpthread -ldl -lm)
else()
  target_link_libraries(tegula_mlir INTERFACE
    ${LLVM_LIBRARY_DIRS}/libMLIR.so ${LLVM_LIBRARY_DIRS}/libLLVM.so)
endif()

# One object library owns the precompiled header, the others reuse it.
add_library(tegula_pch OBJECT ${CMAKE_SOURCE_DIR}/cmake/pch.cpp)
target_link_libraries(tegula_pch PRIVATE tegula_mlir)
target_precompile_headers(tegula_pch PRIVATE ${CMAKE_SOURCE_DIR}/cmake/pch.h)
target_compile_options(tegula_pch PRIVATE "SHELL:-Xclang -fno-pch-timestamp")

# Every generated header; libraries wait for it.
add_custom_target(tegula_headers)

# add_tegula_library(Name sources... LINK_LIBS deps...): one layer of the compiler.
function(add_tegula_library name)
  cmake_parse_arguments(ARG "" "" "LINK_LIBS" ${ARGN})
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  set_property(GLOBAL APPEND PROPERTY TEGULA_LAYERS ${name})
  target_link_libraries(${name} PUBLIC ${ARG_LINK_LIBS} tegula_mlir)
  add_dependencies(${name} tegula_headers)
  target_precompile_headers(${name} REUSE_FROM tegula_pch)
  target_compile_options(${name} PRIVATE "SHELL:-Xclang -fno-pch-timestamp")
endfunction()

# add_tegula_tool(name sources... LINK_LIBS deps...)
function(add_tegula_tool name)
  cmake_parse_arguments(ARG "" "" "LINK_LIBS" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE ${ARG_LINK_LIBS} tegula_mlir)
  add_dependencies(${name} tegula_headers)
endfunction()

# tegula_tablegen(<td> <target> [<out> <generator>]...): the files of one .td.
# A macro, since mlir_tablegen leaves its outputs in the caller's scope.
macro(tegula_tablegen td target)
  set(LLVM_TARGET_DEFINITIONS ${td})
  set(_outputs ${ARGN})
  while(_outputs)
    list(POP_FRONT _outputs _out _generator)
    string(REPLACE " " ";" _generator "${_generator}") # "-gen-pass-decls -name=X"
    mlir_tablegen(${_out} ${_generator} -I ${CMAKE_SOURCE_DIR}/include -I ${MLIR_INCLUDE_DIRS})
  endwhile()
  add_public_tablegen_target(${target})
  add_dependencies(tegula_headers ${target})
endmacro()
