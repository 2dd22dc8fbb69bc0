# SPDX-License-Identifier: Apache-2.0
"""Files that are taken for kernel images and are none: what they are, and how the kernel gets out of them."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.errors import InputError

EXPECTED = "Image, Image.gz, bzImage, vmlinuz, vmlinux, vmlinuz.efi or boot.img"


@dataclass(frozen=True)
class Kind:
    """A kind of file by the bytes at a place in it, and what to do with one."""

    magic: bytes
    at: int
    name: str
    hint: str


_UNPACK_AND_GIVE = "unpack it and give the kernel image in it"
_MODULE_HINT = "modules belong into the directory of `modules:`; the image is vmlinux, Image or bzImage"
_INITRAMFS_HINT = "it belongs behind `initramfs:`"
_DISK_HINT = "the kernel is a file in it, usually in /boot: mount it read-only and copy that file"

_KINDS = (
    Kind(b"PK\x03\x04", 0, "a zip archive", _UNPACK_AND_GIVE + " (unzip; a factory image has boot.img)"),
    Kind(b"ustar", 257, "a tar archive", _UNPACK_AND_GIVE + " (tar -x)"),
    Kind(b"!<arch>\ndebian", 0, "a Debian package", "dpkg-deb -x unpacks it: give its vmlinuz"),
    Kind(b"!<arch>\n", 0, "an archive of object files", "give what the build links of it: vmlinux, Image"),
    Kind(b"\xed\xab\xee\xdb", 0, "an RPM package", "rpm2cpio unpacks it: give its vmlinuz"),
    Kind(b"7z\xbc\xaf\x27\x1c", 0, "a 7z archive", _UNPACK_AND_GIVE),
    Kind(b"070701", 0, "a cpio archive, as an initramfs is", _INITRAMFS_HINT),
    Kind(b"070702", 0, "a cpio archive, as an initramfs is", _INITRAMFS_HINT),
    Kind(b"VNDRBOOT", 0, "an Android vendor_boot image", "the kernel is in boot.img"),
    Kind(b"AVB0", 0, "Android's vbmeta image", "the kernel is in boot.img"),
    Kind(b"CrAU", 0, "an Android OTA payload", "unpack it (payload-dumper) and give boot.img"),
    Kind(b"\x3a\xff\x26\xed", 0, "an Android sparse image", "simg2img makes a plain one of it"),
    Kind(b"hsqs", 0, "a squashfs file system", _DISK_HINT),
    Kind(b"\x53\xef", 0x438, "an ext4 file system", _DISK_HINT),
    Kind(b"\x10\x20\xf5\xf2", 0x400, "an f2fs file system", _DISK_HINT),
    Kind(b"\xe2\xe1\xf5\xe0", 0x400, "an erofs file system", _DISK_HINT),
    Kind(b"XFSB", 0, "an XFS file system", _DISK_HINT),
    Kind(b"_BHRfS_M", 0x10040, "a btrfs file system", _DISK_HINT),
    Kind(b"CD001", 0x8001, "a CD image", _DISK_HINT),
    Kind(b"QFI\xfb", 0, "a disk image (qcow2)", _DISK_HINT),
    Kind(b"EFI PART", 512, "a disk image", _DISK_HINT),
    Kind(b"\xd0\x0d\xfe\xed", 0, "a flattened tree: a device tree, or a FIT image", "dumpimage -l lists it"),
    Kind(b"RSC\x05", 56, "a kernel for riscv", "guests are arm64 and x86_64"),
    Kind(b"\x18\x28\x6f\x01", 0x24, "a kernel for 32-bit arm (zImage)", "guests are arm64 and x86_64"),
    Kind(b"\x7fELF", 0, "an ELF file that no guest here can run", "guests are arm64 and x86_64"),
    Kind(b"MZ", 0, "an EFI program with no kernel in it", f"expected {EXPECTED}"),
    Kind(b"#!", 0, "a script", f"expected {EXPECTED}"),
    Kind(b"version https://git-lfs", 0, "a pointer to a file in Git LFS", "git lfs pull fetches the file"),
    Kind(b"#\n# Automatically generated file;", 0, "a kernel's configuration", f"expected {EXPECTED}"),
    # Last, for many others begin with a boot sector.
    Kind(b"\x55\xaa", 510, "a disk image", _DISK_HINT),
)


def refusal(name: str, content: bytes) -> InputError:
    """The error for a file without a kernel in it: what it is instead, and what to give."""
    if not content:
        return InputError(f"{name} is empty", hint=f"expected {EXPECTED}")
    for kind in _KINDS:
        if content[kind.at : kind.at + len(kind.magic)] == kind.magic:
            return InputError(f"{name} is {kind.name}, not a kernel image", hint=kind.hint)
    text = b"\0" not in content[:4096]
    what = "is a text file, not a kernel image" if text else "is no kernel image"
    return InputError(f"{name} {what}", hint=f"expected {EXPECTED}")


def module_instead(name: str) -> InputError:
    """The error for an object file of the kernel."""
    return InputError(f"{name} is a kernel module or another object file, not a kernel", hint=_MODULE_HINT)
