# SPDX-License-Identifier: GPL-2.0-or-later
#
# One Makefile, no recursion. Sources are found by folder, so a new file needs no line here.
#
#   make                 every program and classic name in build/bin
#   make check           set-up (deps), build, every test, through prove
#   make check T='tests/glue/img-*.tcl unit/qcow2'   only these
#   make SAN=address,undefined check                 the same under sanitizers (objects in build/san)
#   make CC=clang        another compiler (objects in build/clang)
#   make fuzz | soak | bench | demo | install | deps | clean

CC      ?= gcc
ifeq ($(origin CC),default)
CC      := gcc
endif
SAN     ?=
PREFIX  ?= /usr/local
V       ?= 0
Q       := $(if $(filter 1,$(V)),,@)
say      = $(if $(filter 1,$(V)),,@printf '  %-7s %s\n' '$(1)' '$(2)')

BUILD   := build$(if $(SAN),/san)$(if $(filter clang%,$(notdir $(CC))),/clang)
OPT     ?= $(if $(SAN),-O1 -fno-omit-frame-pointer,-O2)
WARN    := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Werror
CFLAGS  ?= -g
ALLCFLAGS = $(CFLAGS) $(OPT) -std=gnu11 -fPIE $(WARN) -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -Ilib -I$(BUILD)/gen \
            -pthread $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=undefined) $(PKGCFLAGS)
ALLLDFLAGS = $(LDFLAGS) -pie -pthread $(if $(SAN),-fsanitize=$(SAN))

# ---- libraries that are found with pkg-config; each optional one defines HAVE_NAME -----------------------
pkg      = $(shell pkg-config --exists $(1) 2>/dev/null && echo yes)
need     = $(eval PKGCFLAGS += $(shell pkg-config --cflags $(1) 2>/dev/null))$(eval LIBS_$(2) += $(shell pkg-config --libs $(1) 2>/dev/null))
optional = $(if $(call pkg,$(1)),$(eval PKGCFLAGS += -DHAVE_$(3)=1)$(call need,$(1),$(2)))

$(call need,libseccomp,base)
$(call need,libcap,base)
$(call need,jansson,base)
$(call need,gnutls,crypto)
$(call need,nettle hogweed,crypto)
$(call need,zlib,block)
$(call optional,libzstd,block,ZSTD)
$(call optional,liblzma,block,LZMA)
LIBS_block += $(if $(wildcard /usr/include/bzlib.h),-lbz2)
PKGCFLAGS  += $(if $(wildcard /usr/include/bzlib.h),-DHAVE_BZIP2=1)
$(call optional,libdeflate,block,LIBDEFLATE)
$(call optional,liburing,block,URING)
# Loaded when an image needs them (lib/block/library.h): the headers alone are needed here.
present  = $(if $(call pkg,$(1)),$(eval PKGCFLAGS += -DHAVE_$(2)=1 $(shell pkg-config --cflags-only-I $(1) 2>/dev/null)))
$(call present,libcurl,CURL)
$(call present,libssh,SSH)
$(call present,libiscsi,ISCSI)
$(call present,glusterfs-api,GLUSTER)
$(call optional,capstone,isa,CAPSTONE)
# Debian's slirp.pc asks for glib's, which its headers do not need.
LIBS_net   += $(if $(wildcard /usr/include/slirp/libslirp.h),-lslirp)
$(foreach f,user user-options user-forward settings,$(eval CFLAGS_cmd/emu-net/$(f) = $(if $(wildcard /usr/include/slirp/libslirp.h),-DHAVE_SLIRP=1)))
$(call optional,libpng,display,PNG)

# ---- the parts, and who links what (DESIGN.md section 2) ---------------------------------------------------
LIBDIRS := base proto gdb fpu jit isa crypto nbd block char
PROGS   := $(notdir $(wildcard cmd/emu-*))

USES_emu-user := isa jit fpu gdb base
USES_emu-cpu  := nbd crypto isa jit fpu gdb base
USES_emu-img  := block nbd crypto base
USES_emu-nbd  := block nbd crypto base
USES_emu-net  := crypto base
USES_emu-bridge-helper := base
USES_emu-vnc  := crypto base
USES_emu-mon  := char crypto base
USES_emu-ga   := base
EXTLIBS_emu-net := $(LIBS_net)
# Static: LD_PRELOAD and LD_LIBRARY_PATH of the program it runs do not reach it, and it starts in half the time.
LDFLAGS_emu-user := $(if $(SAN),,-static-pie)
EXTLIBS_emu-cpu := $(LIBS_display)
# The disassembler.
EXTLIBS_emu-mon := $(LIBS_isa)

# ---- the classic names, links beside the programs ---------------------------------------------------------
NAMES_emu-user := qemu-x86_64 qemu-i386 qemu-aarch64 qemu-aarch64_be qemu-ppc qemu-ppc64 qemu-ppc64le qemu-ppc64abi32
NAMES_emu-img  := qemu-img
NAMES_emu-nbd  := qemu-nbd
NAMES_emu-ga   := qemu-ga
# Scripts, which find their Tcl files (if they have some) beside themselves or in ../share/emutools.
SCRIPTS := emu-system emu-binfmt
NAMES_emu-system := qemu-system-x86_64 qemu-system-i386
NAMES_emu-bridge-helper := qemu-bridge-helper

csources = $(shell find $(1) -name '*.c' 2>/dev/null | LC_ALL=C sort)
$(foreach l,$(LIBDIRS),$(eval SRC_$(l) := $(call csources,lib/$(l))))
$(foreach p,$(PROGS),$(eval SRC_$(p) := $(call csources,cmd/$(p))))
objects  = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
LIVELIBS := $(foreach l,$(LIBDIRS),$(if $(SRC_$(l)),$(l)))
LIVEPROGS := $(foreach p,$(PROGS),$(if $(filter %/main.c,$(SRC_$(p))),$(p)))
# A program's objects without main, for tests.
PROGLIBS := $(foreach p,$(PROGS),$(if $(SRC_$(p)),$(p)))
archive  = $(BUILD)/lib/lib$(1).a
# A format or device registers itself in a linker section: such archives are linked whole.
WHOLE   := block emu-cpu
linklib  = $(if $(filter $(1),$(WHOLE)),-Wl$(comma)--whole-archive $(call archive,$(1)) -Wl$(comma)--no-whole-archive,$(call archive,$(1)))
comma   := ,

UNITS   := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/*.c))
FUZZERS := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/*.c))

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.PHONY: all check deps demo bench fuzz soak install clean units build-fuzz

# ---- man pages: the text of man/NAME.N.in with the program's own option table at @OPTIONS@ ------------------
MANS := $(patsubst man/%.in,$(BUILD)/man/%,$(foreach p,$(LIVEPROGS) $(SCRIPTS),$(wildcard man/$(p).1.in))) $(patsubst man/%,$(BUILD)/man/%,$(wildcard man/*.7))
$(BUILD)/man/%.1: man/%.1.in $(BUILD)/bin/%
	$(call say,MAN,$@)
	@mkdir -p $(@D)
	$(Q)$(BUILD)/bin/$* --print-man >$@.options
	$(Q)sed -e '/^@OPTIONS@$$/{r $@.options' -e 'd;}' $< >$@
	@rm -f $@.options
$(BUILD)/man/%.7: man/%.7
	@mkdir -p $(@D)
	$(Q)cp $< $@

$(SCRIPTS:%=$(BUILD)/bin/%): $(BUILD)/bin/%: share/%
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)ln -srfn share/$* $@
	@for n in $(NAMES_$*); do ln -sf $* $(@D)/$$n; done
$(SCRIPTS:%=$(BUILD)/man/%.1): $(wildcard $(SCRIPTS:%=share/%.d/*.tcl))

ALLBINS := $(foreach p,$(LIVEPROGS) $(SCRIPTS),$(BUILD)/bin/$(p))
all: $(ALLBINS) $(MANS)

$(BUILD)/obj/%.o: %.c
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALLCFLAGS) $(CFLAGS_$*) -MMD -MP -c $< -o $@

# Per-file flags: CFLAGS_lib/isa/x86/name = -mavx2 and the like, one line each, with the reason.
# Runs while the guest's vector registers are live: general registers only, no string functions of the C library
# (tests/glue/jit-general-registers.sh looks).
GENERAL := -mgeneral-regs-only
$(foreach f,jit/cache jit/region jit/link isa/x86/copy isa/x86/copy32 isa/x86/copymem isa/x86/copyexit isa/x86/link isa/x86/decode \
	isa/x86/operand isa/x86/quick,$(eval CFLAGS_lib/$(f) = $(GENERAL)))

# The index over the x86 opcode tables, by a program of the build's own (no sanitizer, no option of the tree matters to it).
INDEXED := share/x86-index.c $(wildcard lib/isa/x86/rows*.c) lib/isa/x86/operand.c
$(BUILD)/gen/x86-index: $(INDEXED) $(wildcard lib/isa/x86/*.def) lib/isa/x86/rows.h lib/isa/x86/decode.h lib/isa/x86/index.h lib/isa/x86/ops.h
	$(call say,GEN,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) -O1 -std=gnu11 $(WARN) -Ilib -o $@ $(INDEXED)
$(BUILD)/gen/x86-index.h $(BUILD)/gen/x86-quick.h: $(BUILD)/gen/x86-index
	$(Q)$< $(if $(filter %quick.h,$@),quick,decode) >$@
$(BUILD)/obj/lib/isa/x86/decode.o: $(BUILD)/gen/x86-index.h
$(BUILD)/obj/lib/isa/x86/quick.o: $(BUILD)/gen/x86-quick.h

# The indices of the A64 and PowerPC rows, checked on the way. $(1): name, $(2): folder of lib/isa
define index_rule
$(BUILD)/gen/$(1)-index: share/$(1)-index.c $(wildcard lib/isa/$(2)/*.def) lib/isa/$(2)/rows.h
	$$(call say,GEN,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$(CC) -O1 -std=gnu11 $$(WARN) -Ilib -o $$@ $$<
$(BUILD)/gen/$(1)-index.h: $(BUILD)/gen/$(1)-index
	$$(Q)$$< >$$@
$(BUILD)/obj/lib/isa/$(2)/decode.o: $(BUILD)/gen/$(1)-index.h
endef
$(eval $(call index_rule,a64,aarch64))
$(eval $(call index_rule,ppc,ppc))

define lib_rule
$$(call archive,$(1)): $$(call objects,$$(SRC_$(1)))
	$$(call say,AR,$$@)
	@mkdir -p $$(@D)
	$$(Q)rm -f $$@ && ar rcs $$@ $$^
endef
$(foreach l,$(LIVELIBS),$(eval $(call lib_rule,$(l))))

define proglib_rule
$(BUILD)/lib/lib$(1).a: $$(call objects,$$(filter-out %/main.c,$$(SRC_$(1))))
	$$(call say,AR,$$@)
	@mkdir -p $$(@D)
	$$(Q)rm -f $$@ && ar rcs $$@ $$^
endef
$(foreach p,$(PROGLIBS),$(eval $(call proglib_rule,$(p))))
define prog_rule
$(BUILD)/bin/$(1): $$(call objects,$$(SRC_$(1))) $$(foreach l,$$(filter $$(LIVELIBS),$$(USES_$(1))),$$(call archive,$$(l)))
	$$(call say,LD,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$(CC) $$(ALLLDFLAGS) $$(LDFLAGS_$(1)) -o $$@ $$(call objects,$$(SRC_$(1))) $$(foreach l,$$(filter $$(LIVELIBS),$$(USES_$(1))),$$(call linklib,$$(l))) \
	    $$(foreach l,$$(USES_$(1)),$$(LIBS_$$(l))) $$(EXTLIBS_$(1)) -lm
	@for n in $$(NAMES_$(1)); do ln -sf $(1) $$(@D)/$$$$n; done
endef
$(foreach p,$(LIVEPROGS),$(eval $(call prog_rule,$(p))))

# A unit test links every library, and the objects of the programs it names: UNITPROG_name = emu-user
UNITPROG_user-sys-compat := emu-user
UNITPROG_user-sys-tables := emu-user
UNITPROG_user-vma := emu-user
$(foreach u,$(filter cpu-% dev-%,$(UNITS)),$(eval UNITPROG_$(u) := emu-cpu))
$(foreach u,$(filter mon-%,$(UNITS) $(FUZZERS)),$(eval UNITPROG_$(u) := emu-mon))
# These bring drives (and an A20 gate) of their own; the drives fail and wait when they are told to.
UNITFLAGS_dev-i8042 := -Wl,-z,muldefs
UNITFLAGS_dev-fdc := -Wl,-z,muldefs
UNITFLAGS_dev-pflash := -Wl,-z,muldefs
UNITFLAGS_dev-ide := -Wl,-z,muldefs
UNITFLAGS_dev-virtio := -Wl,-z,muldefs
UNITFLAGS_dev-every := -Wl,-z,muldefs
UNITFLAGS_dev-kin := -Wl,-z,muldefs
UNITFLAGS_dev-all := -Wl,-z,muldefs
$(foreach u,$(filter dev-%,$(FUZZERS)),$(eval UNITPROG_$(u) := emu-cpu))
$(foreach u,$(filter vhost-%,$(FUZZERS)),$(eval UNITPROG_$(u) := emu-nbd))
ALLARCHIVES := $(foreach l,block nbd char crypto isa jit fpu gdb base,$(if $(filter $(l),$(LIVELIBS)),$(l)))
$(BUILD)/unit/%: tests/unit/%.c $(foreach l,$(ALLARCHIVES),$(call archive,$(l))) $(foreach p,$(PROGLIBS),$(BUILD)/lib/lib$(p).a)
	$(call say,UNIT,$*)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALLCFLAGS) -Itests -MMD -MP -MF $@.d $(ALLLDFLAGS) $(UNITFLAGS_$*) -o $@ $< \
	    $(foreach p,$(UNITPROG_$*),$(call linklib,$(p))) -Wl,--start-group $(foreach l,$(ALLARCHIVES),$(call linklib,$(l))) -Wl,--end-group \
	    $(LIBS_block) $(LIBS_crypto) $(LIBS_isa) $(LIBS_base) $(foreach p,$(UNITPROG_$*),$(EXTLIBS_$(p))) -lm
units: $(UNITS:%=$(BUILD)/unit/%)

# libFuzzer needs clang; the objects live in a tree of their own. FUZZERS=block-qed builds one.
# Without the hooks of every comparison, which cost half the speed: the dictionaries know the constants.
FUZZOPT := -O2 -fsanitize=fuzzer-no-link -fno-sanitize-coverage=trace-cmp,indirect-calls
build-fuzz:
	$(Q)$(MAKE) --no-print-directory CC=clang SAN=address,undefined OPT='$(FUZZOPT)' $(FUZZERS:%=build/san/clang/fuzz/%)
# The image formats need no more than their own part, which makes their build four times shorter.
fuzzlibs = $(if $(filter gdb-%,$(1)),gdb base,$(if $(filter block-% nbd-% vhost-%,$(1)),block nbd crypto base,$(if $(filter mon-%,$(1)),char crypto base,$(if $(filter base-%,$(1)),base,$(if $(filter dev-%,$(1)),$(USES_emu-cpu),$(ALLARCHIVES))))))
fuzzprogs = $(if $(filter block-% nbd-% base-% gdb-%,$(1)),,$(if $(filter vhost-%,$(1)),emu-nbd,$(if $(filter mon-%,$(1)),emu-mon,$(if $(filter dev-%,$(1)),emu-cpu,$(PROGLIBS)))))
.SECONDEXPANSION:
$(BUILD)/fuzz/%: tests/fuzz/%.c $$(foreach l,$$(call fuzzlibs,$$*),$$(call archive,$$l)) \
		$$(foreach p,$$(call fuzzprogs,$$*),$$(call archive,$$(p)))
	$(call say,FUZZ,$*)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALLCFLAGS) -fsanitize=fuzzer -Itests -MMD -MP -MF $@.d -o $@ $< $(ALLLDFLAGS) $(UNITFLAGS_$*) \
	    $(foreach p,$(UNITPROG_$*),$(call linklib,$(p))) -Wl,--start-group $(foreach l,$(call fuzzlibs,$*),$(call linklib,$(l))) -Wl,--end-group \
	    $(LIBS_block) $(LIBS_crypto) $(LIBS_isa) $(LIBS_base) $(foreach p,$(UNITPROG_$*),$(EXTLIBS_$(p))) -lm

deps:
	@sh share/deps

T ?=
check:
	@sh share/deps
	@$(MAKE) --no-print-directory -j2 all units
	@BUILD=$(BUILD) CC="$(CC)" SAN="$(SAN)" sh tests/run $(T)

demo:
	@sh share/deps
	@$(MAKE) --no-print-directory -j2 all
	@BUILD=$(BUILD) bash share/demo

fuzz: build-fuzz
	@BUILD=build/san/clang bash tests/fuzz/run

soak: all units
	@BUILD=$(BUILD) bash tests/soak

bench: all
	@BUILD=$(BUILD) bash tests/bench/run

install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/man/man7
	for p in $(LIVEPROGS); do install -m755 $(BUILD)/bin/$$p $(DESTDIR)$(PREFIX)/bin/; done
	$(foreach p,$(LIVEPROGS),$(foreach n,$(NAMES_$(p)),ln -sf $(p) $(DESTDIR)$(PREFIX)/bin/$(n);)):
	for s in $(SCRIPTS); do install -m755 share/$$s $(DESTDIR)$(PREFIX)/bin/ || exit 1; [ ! -d share/$$s.d ] || { \
	    install -d $(DESTDIR)$(PREFIX)/share/emutools/$$s.d && install -m644 share/$$s.d/*.tcl $(DESTDIR)$(PREFIX)/share/emutools/$$s.d/ || exit 1; }; done
	$(foreach p,$(SCRIPTS),$(foreach n,$(NAMES_$(p)),ln -sf $(p) $(DESTDIR)$(PREFIX)/bin/$(n);)):
	for m in $(MANS); do install -m644 $$m $(DESTDIR)$(PREFIX)/share/man/man$${m##*.}/; done
	install -d $(DESTDIR)$(PREFIX)/share/bash-completion/completions
	for p in $(LIVEPROGS) $(SCRIPTS); do $(BUILD)/bin/$$p --print-completion >$(DESTDIR)$(PREFIX)/share/bash-completion/completions/$$p; done
	for n in $(foreach p,$(SCRIPTS),$(NAMES_$(p))); do ln -sf emu-system $(DESTDIR)$(PREFIX)/share/bash-completion/completions/$$n; done

clean:
	rm -rf build

-include $(shell find $(BUILD)/obj $(BUILD)/unit $(BUILD)/fuzz -type f -name '*.d' 2>/dev/null)
