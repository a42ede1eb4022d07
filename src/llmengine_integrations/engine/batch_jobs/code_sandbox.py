"""The process in which the code evaluator runs code: `python -I -S -B code_sandbox.py LIMITS`, the code on standard input.

It isolates itself step by step, then runs the code. It uses only the standard library, and nothing of this package, since installed
packages are not available here. `--probe` prints every isolation that the system does not allow, and the engine logs that.
"""

from __future__ import annotations

import ast
import ctypes
import errno
import json
import os
import platform
import resource
import signal
import struct
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

_NOBODY = 65534
_CLONE_NEWNS, _CLONE_NEWIPC = 0x00020000, 0x08000000
_CLONE_NEWUSER, _CLONE_NEWPID, _CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
_MS_NOSUID_NODEV_NOEXEC = 2 | 4 | 8
_MS_REC_PRIVATE = 0x4000 | 0x40000
_PR_SET_PDEATHSIG, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 1, 22, 38
_LANDLOCK_READ = 1 << 2 | 1 << 3  # files and folders
_READABLE = ("/usr/lib", "/usr/lib64", "/lib", "/lib64", "/usr/local/lib", "/usr/share/zoneinfo", "/etc/ld.so.cache")
_DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random")

_REFUSED_ON_X86 = (
    "41 57 58 59 322 101 62 200 234 129 297 424 310 311 165 166 155 161 272 308 321 298 250 248 249 175 313 246 169 425 426"
    " 319 447 427 112 109 304 323 428 429 430 442 90 91 268 452 92 93 94 260 132 235 280 261 188 189 190 197 198 199 463 466"
)
_REFUSED_ON_ARM = (
    "198 221 281 117 129 130 131 138 240 424 270 271 40 39 41 51 97 268 280 241 219 217 218 105 273 104 142 425 426 427"
    " 279 447 157 154 265 282 428 429 430 442 52 53 452 54 55 88 5 6 7 14 15 16 463 466"
)
_ARCHITECTURES = {  # AUDIT_ARCH, clone, clone3, and the numbers of the calls that are refused
    "x86_64": (0xC000003E, 56, 435, _REFUSED_ON_X86),
    "aarch64": (0xC00000B7, 220, 435, _REFUSED_ON_ARM),
}
"""Refused are: sockets; new processes and programs; inspecting other processes; signals; mounts; namespaces; sessions; keys; kernel
modules; io_uring; calls that kernel exploits often start with; files in memory, which no memory limit counts; and changes of files'
owners, modes, times and attributes, which no other isolation prevents."""
_CLONE_THREAD = 0x10000
_ALLOW = 0x7FFF0000
_REFUSE = 0x00050000 | errno.EPERM
_UNKNOWN = 0x00050000 | errno.ENOSYS  # libc then uses clone instead of clone3

_libc: Any = ctypes.CDLL(None, use_errno=True)


def main(arguments: Sequence[str]) -> int:
    """Isolate this process and run the code."""
    limits: dict[str, int] = json.loads(arguments[0])
    probing = "--probe" in arguments
    code = "" if probing else sys.stdin.buffer.read().decode()
    missing = _own_namespaces()
    inside = os.fork()
    if inside:
        _die_with_parent()
        return os.waitstatus_to_exitcode(os.waitpid(inside, 0)[1])
    _die_with_parent()
    missing += _tried("a disk that cannot be written", _read_only)
    missing += _tried("a limit on what it writes in all", _small_disk, limits)
    missing += _tried("a wall around the files of others", _only_these_files)
    missing += _limit_resources(limits)
    _tried("", _drop_capabilities)
    without_calls = _tried("a wall around the network and other processes", _refuse_calls)
    if without_calls:
        resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    if probing:
        print(json.dumps(missing + without_calls))  # noqa: T201 - the engine reads it
        return 0
    return _run(code)


def _tried(what: str, wall: Callable[..., None], *arguments: object) -> list[str]:
    """Apply an isolation. Return its name if the system does not allow it. The numbers of calls are those of Linux."""
    if sys.platform != "linux":
        return [what]
    try:
        wall(*arguments)
    except (OSError, AttributeError, KeyError):
        return [what]
    return []


def _own_namespaces() -> list[str]:
    """Hide other processes and the network. Become nobody if that is not possible and this is root."""
    user, group = os.geteuid(), os.getegid()
    flags = _CLONE_NEWUSER | _CLONE_NEWPID | _CLONE_NEWNET | _CLONE_NEWIPC | _CLONE_NEWNS
    try:
        _checked(_libc.unshare(flags))
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", f"{_NOBODY} {user} 1")
        _write("/proc/self/gid_map", f"{_NOBODY} {group} 1")
        _checked(_libc.mount(None, b"/", None, _MS_REC_PRIVATE, None))
    except (OSError, AttributeError):
        if user == 0:
            os.chown(".", _NOBODY, _NOBODY)
            os.setgroups([])
            os.setresgid(_NOBODY, _NOBODY, _NOBODY)
            os.setresuid(_NOBODY, _NOBODY, _NOBODY)
        return ["namespaces of its own"]
    return []


def _read_only() -> None:
    """Make everything that is mounted read-only for this process."""
    every_mount, read_only = 0x8000, 1
    attributes = struct.pack("=4Q", read_only, 0, 0, 0)
    _checked(_libc.syscall(442, -1, b"/", every_mount, attributes, ctypes.c_size_t(len(attributes))))


def _small_disk(limits: dict[str, int]) -> None:
    """Use a working directory in memory, of limited size."""
    here = str(Path.cwd())
    options = f"size={limits['disk']},nr_inodes=1000,mode=0700"
    _checked(_libc.mount(b"tmpfs", here.encode(), b"tmpfs", _MS_NOSUID_NODEV_NOEXEC, options.encode()))
    os.chdir(here)


def _only_these_files() -> None:
    """Restrict files with Landlock: read only the standard library and its libraries, and write only the working directory.

    https://docs.kernel.org/userspace-api/landlock.html
    """
    version = _checked(_libc.syscall(444, None, ctypes.c_size_t(0), 1))
    every_right = (1 << {1: 13, 2: 14, 3: 15, 4: 15}.get(version, 16)) - 1
    attributes = struct.pack("=QQQ", every_right, 3 if version >= 4 else 0, 3 if version >= 6 else 0)  # noqa: PLR2004
    size = 8 if version < 4 else 16 if version < 6 else 24  # noqa: PLR2004 - the size in each version of the interface
    ruleset = _checked(_libc.syscall(444, attributes, ctypes.c_size_t(size), 0))
    library = str(Path(os.__file__).parent)
    for path in (library, *_READABLE):
        _allow(ruleset, path, _LANDLOCK_READ)
    for path in _DEVICES:
        _allow(ruleset, path, 1 << 1 | 1 << 2)
    _allow(ruleset, ".", every_right & ~1)  # everything except running programs
    _checked(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    _checked(_libc.syscall(446, ruleset, 0))
    os.close(ruleset)


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        beneath = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    if not Path(path).is_dir():
        rights &= 1 << 1 | 1 << 2  # a file can only be read and written
    _checked(_libc.syscall(445, ruleset, 1, struct.pack("=Qi", rights, beneath), 0))
    os.close(beneath)


def _limit_resources(limits: dict[str, int]) -> list[str]:
    """Set the limits that every POSIX system should have. Return those that are missing here, as words for a message."""
    missing: list[str] = []
    for what, kind, most in (
        ("a limit on processor time", resource.RLIMIT_CPU, limits["seconds"]),
        ("a limit on memory", resource.RLIMIT_AS, limits["memory"]),
        ("a limit on the size of files", resource.RLIMIT_FSIZE, limits["disk"]),
        ("a limit on open files", resource.RLIMIT_NOFILE, limits["files"]),
        ("a ban on core dumps", resource.RLIMIT_CORE, 0),
    ):
        try:
            resource.setrlimit(kind, (most, most))
        except (OSError, ValueError):
            missing.append(what)
    return missing


def _drop_capabilities() -> None:
    _checked(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    _checked(_libc.capset(struct.pack("=Ii", 0x20080522, 0), struct.pack("=6I", *[0] * 6)))


def _refuse_calls() -> None:
    """Refuse system calls with seccomp: no sockets, no new processes or programs, no signals to others. Threads are allowed.

    https://docs.kernel.org/userspace-api/seccomp_filter.html
    """
    architecture, clone, clone3, numbers = _ARCHITECTURES[platform.machine()]
    refused = [int(number) for number in numbers.split()]
    load, equal, at_least, any_bit, end = 0x20, 0x15, 0x35, 0x45, 0x06
    number, kind, first_argument = 0, 4, 16  # in struct seccomp_data
    program = [
        (load, 0, 0, kind),
        (equal, 1, 0, architecture),
        (end, 0, 0, _REFUSE),
        (load, 0, 0, number),
        (at_least, 0, 1, 0x40000000),  # the calls of x32
        (end, 0, 0, _REFUSE),
        (equal, 0, 1, clone3),
        (end, 0, 0, _UNKNOWN),
        (equal, 0, 3, clone),
        (load, 0, 0, first_argument),
        (any_bit, 0, 2 + 2 * len(refused), _CLONE_THREAD),
        (end, 0, 0, _ALLOW),
    ]
    for call in refused:
        program += [(equal, 0, 1, call), (end, 0, 0, _REFUSE)]
    program += [(end, 0, 0, _ALLOW), (end, 0, 0, _REFUSE)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in program))
    filter_program = struct.pack("@HP", len(program), ctypes.addressof(code))
    _checked(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    _checked(_libc.prctl(_PR_SET_SECCOMP, 2, filter_program, 0, 0))


def _die_with_parent() -> None:
    if sys.platform == "linux":
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _run(code: str) -> int:
    """Run the code as a notebook does: the value of a last expression is printed."""
    scope: dict[str, Any] = {"__name__": "__main__"}
    try:
        parsed = ast.parse(code, "<code>")
        last = parsed.body.pop() if parsed.body and isinstance(parsed.body[-1], ast.Expr) else None
        exec(compile(parsed, "<code>", "exec"), scope)  # noqa: S102 - running code is the purpose of this process
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), "<code>", "eval"), scope)  # noqa: S307 - its purpose
            if value is not None:
                print(repr(value))  # noqa: T201 - the output of the code
    except SystemExit as error:
        return 0 if error.code in (None, 0) else 1
    except BaseException as error:  # noqa: BLE001 - whatever the code raises is its result
        where = error.__traceback__.tb_next if error.__traceback__ else None
        print("".join(traceback.format_exception(type(error), error, where)), end="")  # noqa: T201 - the output of the code
        return 1
    return 0


def _write(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


if __name__ == "__main__":
    status = main(sys.argv[1:])
    try:
        sys.stdout.flush()
    finally:
        os._exit(status if status >= 0 else 128 - status)
