"""Builds a filter with libseccomp, as the runtimes that link it do, and says how long that takes.

Standard input: {"rounds", "default", "arches": [audit numbers], "rules": [[name, action, [[arg, op, a, b], ...]], ...]}
Standard output: {"micros": median of a build with what calls through ctypes cost taken off, "code": [...]}
Exits with 77 when the library is not there.
"""

import ctypes
import json
import os
import statistics
import struct
import sys
import time

try:
    lib = ctypes.CDLL("libseccomp.so.2", use_errno=True)
except OSError:
    sys.exit(77)


class Condition(ctypes.Structure):
    _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


lib.seccomp_init.restype = ctypes.c_void_p
lib.seccomp_init.argtypes = [ctypes.c_uint32]
lib.seccomp_release.argtypes = [ctypes.c_void_p]
lib.seccomp_arch_add.argtypes = [ctypes.c_void_p, ctypes.c_uint32]
lib.seccomp_rule_add_array.argtypes = [
    ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint, ctypes.POINTER(Condition)]
lib.seccomp_export_bpf.argtypes = [ctypes.c_void_p, ctypes.c_int]
lib.seccomp_syscall_resolve_name.argtypes = [ctypes.c_char_p]

job = json.load(sys.stdin)
rules = [(name.encode(), action, len(args), (Condition * len(args))(*[Condition(*a) for a in args]))
         for name, action, args in job["rules"]]
native = lib.seccomp_arch_native
native.restype = ctypes.c_uint32
others = [arch for arch in job["arches"] if arch != native()]
file = os.memfd_create("bpf")


def build():
    context = lib.seccomp_init(job["default"])
    for arch in others:
        lib.seccomp_arch_add(context, arch)
    for name, action, n, args in rules:
        call = lib.seccomp_syscall_resolve_name(name)
        if call != -1:
            lib.seccomp_rule_add_array(context, action, call, n, args)
    os.ftruncate(file, 0)
    os.lseek(file, 0, os.SEEK_SET)
    lib.seccomp_export_bpf(context, file)
    lib.seccomp_release(context)


def nothing():
    """As many calls that do nothing: an unknown name, and a rule that is refused at once."""
    for name, action, n, args in rules:
        lib.seccomp_arch_native()
        lib.seccomp_rule_add_array(None, action, 0, n, args)


def median(work):
    times = []
    for _ in range(job["rounds"]):
        start = time.perf_counter()
        work()
        times.append((time.perf_counter() - start) * 1e6)
    return statistics.median(times)


micros = median(build) - median(nothing)
code = list(struct.iter_unpack("=HBBI", os.pread(file, 1 << 20, 0)))
print(json.dumps({"micros": micros, "code": code}))
