# SPDX-License-Identifier: Apache-2.0
"""A kernel tree of three files that is configured and built as the real one is, in a second."""

from __future__ import annotations

import difflib
from pathlib import Path

MAKEFILE = r"""VERSION = 6
PATCHLEVEL = 12
SUBLEVEL = 3
EXTRAVERSION =
KCONFIG_CONFIG ?= $(O)/.config
OBJECTS := $(O)/init/main.o $(O)/mm/page_alloc.o $(O)/mm/slub.o

allnoconfig:
	cat $(KCONFIG_ALLCONFIG) >$(KCONFIG_CONFIG)
olddefconfig:
	grep -v NEVER_THERE $(KCONFIG_CONFIG) >$(KCONFIG_CONFIG).new
	mv $(KCONFIG_CONFIG).new $(KCONFIG_CONFIG)
kernelrelease:
	@echo 6.12.3
Image: $(O)/arch/arm64/boot/Image
modules: ;
$(O)/arch/arm64/boot/Image: $(O)/vmlinux
	mkdir -p $(@D)
	$(CROSS_COMPILE)objcopy -O binary $< $@
$(O)/vmlinux: $(OBJECTS) $(O)/.config
	$(CROSS_COMPILE)ld -z max-page-size=4096 --build-id=sha1 -Ttext=0x1000 -e start -o $@ $(OBJECTS)
$(O)/%.o: %.c include/limits.h
	@echo '  CC      $*.o'
	@mkdir -p $(@D)
	@$(CC) -Iinclude -ffreestanding -c -o $@ $<
.DELETE_ON_ERROR:
"""

FILES = {
    "Makefile": MAKEFILE,
    "Kconfig": 'config COMPACTION\n\tbool "c"\n',
    "kernel/configs/tiny-base.config": "CONFIG_EMBEDDED=y\n",
    "include/limits.h": "#define ORDER 3\n",
    "init/main.c": 'const char *banner = "Linux version 6.12.3";\nint start(void) { return 0; }\n',
    "mm/page_alloc.c": '#include "limits.h"\nint min_free_kbytes = 1024;\nint order = ORDER;\n',
    "mm/slub.c": '#include "limits.h"\nint slub(void) { return ORDER + 1; }\n',
}


def make_tree(directory: Path) -> Path:
    """The tree, below a directory."""
    for path, text in FILES.items():
        file = directory / "linux" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return directory / "linux"


def patch_of(path: str, old: str, new: str) -> bytes:
    """A patch that replaces a text in one of the files, or makes a new file (`old` is empty)."""
    before = FILES.get(path, "")
    after = before.replace(old, new) if old else new
    return "".join(
        difflib.unified_diff(
            before.splitlines(keepends=True),
            after.splitlines(keepends=True),
            f"a/{path}" if before else "/dev/null",
            f"b/{path}",
        )
    ).encode()
