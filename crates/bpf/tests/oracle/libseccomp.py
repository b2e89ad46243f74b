"""Asks libseccomp what it makes of profiles, in the way in which runc calls it.

A request is a line of JSON, and so is the answer. No header and no compiler is needed: the library
is loaded by ctypes. Exits with 77 when it is not there.
"""

import ctypes
import json
import os
import struct
import sys

try:
    lib = ctypes.CDLL("libseccomp.so.2", use_errno=True)
except OSError:
    sys.exit(77)


class Condition(ctypes.Structure):
    _fields_ = [
        ("arg", ctypes.c_uint),
        ("op", ctypes.c_int),
        ("a", ctypes.c_uint64),
        ("b", ctypes.c_uint64),
    ]


lib.seccomp_init.restype = ctypes.c_void_p
lib.seccomp_init.argtypes = [ctypes.c_uint32]
lib.seccomp_release.argtypes = [ctypes.c_void_p]
lib.seccomp_arch_add.argtypes = [ctypes.c_void_p, ctypes.c_uint32]
lib.seccomp_arch_remove.argtypes = [ctypes.c_void_p, ctypes.c_uint32]
lib.seccomp_arch_native.restype = ctypes.c_uint32
lib.seccomp_rule_add_array.argtypes = [
    ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint, ctypes.POINTER(Condition),
]
lib.seccomp_export_bpf.argtypes = [ctypes.c_void_p, ctypes.c_int]
lib.seccomp_syscall_resolve_name_arch.argtypes = [ctypes.c_uint32, ctypes.c_char_p]

UNKNOWN = -1
ARCHES = {
    "SCMP_ARCH_X86_64": 0xC000003E, "SCMP_ARCH_X32": 0x4000003E, "SCMP_ARCH_X86": 0x40000003,
    "SCMP_ARCH_AARCH64": 0xC00000B7, "SCMP_ARCH_ARM": 0x40000028, "SCMP_ARCH_RISCV64": 0xC00000F3,
}
OPS = ["SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_LE", "SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT",
       "SCMP_CMP_MASKED_EQ"]


def action(name, data):
    data = 1 if data is None else data
    return {
        "SCMP_ACT_KILL": 0, "SCMP_ACT_KILL_THREAD": 0, "SCMP_ACT_KILL_PROCESS": 0x80000000,
        "SCMP_ACT_TRAP": 0x30000, "SCMP_ACT_ERRNO": 0x50000 | data, "SCMP_ACT_TRACE": 0x7FF00000 | data,
        "SCMP_ACT_NOTIFY": 0x7FC00000, "SCMP_ACT_LOG": 0x7FFC0000, "SCMP_ACT_ALLOW": 0x7FFF0000,
    }[name]


def number(name, arch):
    return lib.seccomp_syscall_resolve_name_arch(ARCHES[arch], name.encode())


def check(result):
    if result < 0:
        raise RuntimeError(os.strerror(-result))


def add(context, call, what, conditions):
    array = (Condition * len(conditions))(*conditions)
    check(lib.seccomp_rule_add_array(context, what, call, len(conditions), array))


def compile(profile, arches):
    default = action(profile["defaultAction"], profile.get("defaultErrnoRet"))
    context = lib.seccomp_init(default)
    largest = {arch: -1 for arch in arches}
    try:
        wanted = [ARCHES[arch] for arch in arches]
        native = lib.seccomp_arch_native()
        for arch in wanted:
            if arch != native:
                check(lib.seccomp_arch_add(context, arch))
        if native not in wanted:
            check(lib.seccomp_arch_remove(context, native))
        for rule in profile.get("syscalls", []):
            what = action(rule["action"], rule.get("errnoRet"))
            for name in rule["names"]:
                for arch in arches:
                    largest[arch] = max(largest[arch], number(name, arch))
                if what == default:
                    continue
                call = lib.seccomp_syscall_resolve_name_arch(native, name.encode())
                if call == UNKNOWN:
                    continue
                args = [Condition(a["index"], OPS.index(a["op"]) + 1, a["value"], a.get("valueTwo", 0))
                        for a in rule.get("args", [])]
                if len({a.arg for a in args}) < len(args):
                    for a in args:
                        add(context, call, what, [a])
                else:
                    add(context, call, what, args)
        file = os.memfd_create("bpf")
        check(lib.seccomp_export_bpf(context, file))
        os.lseek(file, 0, os.SEEK_SET)
        code = os.read(file, 1 << 20)
        os.close(file)
    finally:
        lib.seccomp_release(context)
    return {"code": list(struct.iter_unpack("=HBBI", code)), "largest": largest}


for line in sys.stdin:
    request = json.loads(line)
    if "names" in request:
        answer = {name: {arch: number(name, arch) for arch in ARCHES} for name in request["names"]}
    else:
        try:
            answer = compile(request["profile"], request["arches"])
        except RuntimeError as error:
            answer = {"error": str(error)}
    print(json.dumps(answer), flush=True)
