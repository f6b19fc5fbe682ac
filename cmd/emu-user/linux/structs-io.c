/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Field lists of structures that ioctl requests and socket options carry. */
#include "structs.h"

#define LIST(id) const struct field fields_##id[] =

/* ---- one value -------------------------------------------------------------------------------------------- */

#define H struct kernel_int
LIST(int) {FIELD(value, S32), FIELDS_END};
#undef H
#define H struct kernel_u64
LIST(u64) {FIELD(value, U64), FIELDS_END};
#undef H
#define H struct kernel_long
LIST(off) {FIELDC(value, LONG), FIELDS_END};
LIST(long) {FIELD(value, LONG), FIELDS_END};
#undef H
#define H struct kernel_ulong
LIST(ulong) {FIELD(value, ULONG), FIELDS_END};
#undef H
#define H struct kernel_u32pair
LIST(u32pair) {FIELD(a, U32), FIELD(b, U32), FIELDS_END};
#undef H
#define H struct kernel_u64pair
LIST(u64pair) {FIELD(a, U64), FIELD(b, U64), FIELDS_END};
#undef H
#define H struct kernel_ulongpair
LIST(ulongpair) {FIELD(a, ULONG), FIELD(b, ULONG), FIELDS_END};
#undef H

/* ---- terminals -------------------------------------------------------------------------------------------- */

#define H struct winsize
LIST(winsize) {FIELD(ws_row, U16), FIELD(ws_col, U16), FIELD(ws_xpixel, U16), FIELD(ws_ypixel, U16), FIELDS_END};
#undef H
#define TERMIOS FIELD(iflag, U32), FIELD(oflag, U32), FIELD(cflag, U32), FIELD(lflag, U32), FIELD(line, U8), FIELDB(cc)
#define H struct kernel_termios
LIST(termios) {TERMIOS, FIELDS_END};
#undef H
#define H struct kernel_termios2
LIST(termios2) {TERMIOS, FIELD(ispeed, U32), FIELD(ospeed, U32), FIELDS_END};
#undef H

#define H struct serial_struct
LIST(serial_struct) {
	FIELD(type, S32), FIELD(line, S32), FIELD(port, U32), FIELD(irq, S32), FIELD(flags, S32),
	FIELD(xmit_fifo_size, S32), FIELD(custom_divisor, S32), FIELD(baud_base, S32), FIELD(close_delay, U16),
	FIELD(io_type, U8), FIELD(reserved_char, U8), FIELD(hub6, S32), FIELD(closing_wait, U16),
	FIELD(closing_wait2, U16), FIELD(iomem_base, PTR), FIELD(iomem_reg_shift, U16), FIELD(port_high, U32),
	FIELD(iomap_base, ULONG), FIELDS_END
};
#undef H

/* ---- sockets ---------------------------------------------------------------------------------------------- */

#define H struct msghdr
LIST(msghdr) {
	FIELD(msg_name, PTR), FIELD(msg_namelen, S32), FIELD(msg_iov, PTR), FIELD(msg_iovlen, ULONG),
	FIELD(msg_control, PTR), FIELD(msg_controllen, ULONG), FIELD(msg_flags, S32), FIELDS_END
};
#undef H
#define H struct ucred
LIST(ucred) {FIELD(pid, S32), FIELD(uid, U32), FIELD(gid, U32), FIELDS_END};
#undef H
#define H struct linger
LIST(linger) {FIELD(l_onoff, S32), FIELD(l_linger, S32), FIELDS_END};
#undef H
#define H struct kernel_sock_fprog
LIST(sock_fprog) {FIELD(len, U16), FIELD(filter, PTR), FIELDS_END};
#undef H
/* A struct sockaddr inside another: the family is a host-order word, the rest is bytes in network order. */
#define SOCKADDR(m) FIELD(m.sa_family, U16), {#m ".sa_data", offsetof(H, m.sa_data), 1, FK_BYTES, 14}
#define H struct ifreq
LIST(ifreq_addr) {FIELDB(ifr_ifrn.ifrn_name), SOCKADDR(ifr_ifru.ifru_addr), EXTENT(32, 40), FIELDS_END};
LIST(ifreq_int) {FIELDB(ifr_ifrn.ifrn_name), FIELD(ifr_ifru.ifru_ivalue, S32), EXTENT(32, 40), FIELDS_END};
LIST(ifreq_short) {FIELDB(ifr_ifrn.ifrn_name), FIELD(ifr_ifru.ifru_flags, S16), EXTENT(32, 40), FIELDS_END};
LIST(ifreq_ptr) {FIELDB(ifr_ifrn.ifrn_name), FIELD(ifr_ifru.ifru_data, PTR), EXTENT(32, 40), FIELDS_END};
#undef H
#define H struct kernel_ifreq_map
LIST(ifreq_map) {
	FIELDB(name), FIELD(mem_start, ULONG), FIELD(mem_end, ULONG), FIELD(base_addr, U16), FIELD(irq, U8),
	FIELD(dma, U8), FIELD(port, U8), EXTENT(32, 40), FIELDS_END
};
#undef H
#define H struct kernel_rtentry
LIST(rtentry) {
	FIELD(pad1, ULONG), SOCKADDR(dst), SOCKADDR(gateway), SOCKADDR(genmask), FIELD(flags, U16), FIELD(pad2, S16),
	FIELD(pad3, ULONG), FIELD(pad4, PTR), FIELD(metric, S16), FIELD(dev, PTR), FIELD(mtu, ULONG),
	FIELD(window, ULONG), FIELD(irtt, U16), FIELDS_END
};
#undef H
#define H struct arpreq
LIST(arpreq) {
	SOCKADDR(arp_pa), SOCKADDR(arp_ha), FIELD(arp_flags, S32), SOCKADDR(arp_netmask), FIELDB(arp_dev), FIELDS_END
};
#undef H

/* ---- block devices and file systems ----------------------------------------------------------------------- */

#define H struct hd_geometry
LIST(hd_geometry) {FIELD(heads, U8), FIELD(sectors, U8), FIELD(cylinders, U16), FIELD(start, ULONG), FIELDS_END};
#undef H
#define H struct loop_info
LIST(loop_info) {
	FIELD(lo_number, S32), FIELD(lo_device, ULONG), FIELD(lo_inode, ULONG), FIELD(lo_rdevice, ULONG),
	FIELD(lo_offset, S32), FIELD(lo_encrypt_type, S32), FIELD(lo_encrypt_key_size, S32), FIELD(lo_flags, S32),
	FIELDB(lo_name), FIELDB(lo_encrypt_key), FIELDN(lo_init, ULONG, 2), FIELDB(reserved), FIELDS_END
};
#undef H
#define LOOP64(p)                                                                                                   \
	FIELD(p lo_device, U64), FIELD(p lo_inode, U64), FIELD(p lo_rdevice, U64), FIELD(p lo_offset, U64),         \
	FIELD(p lo_sizelimit, U64), FIELD(p lo_number, U32), FIELD(p lo_encrypt_type, U32),                         \
	FIELD(p lo_encrypt_key_size, U32), FIELD(p lo_flags, U32), FIELDB(p lo_file_name),                          \
	FIELDB(p lo_crypt_name), FIELDB(p lo_encrypt_key), FIELDN(p lo_init, U64, 2)
#define H struct loop_info64
LIST(loop_info64) {LOOP64(), FIELDS_END};
#undef H
#define H struct loop_config
LIST(loop_config) {FIELD(fd, U32), FIELD(block_size, U32), LOOP64(info.), FIELDN(__reserved, U64, 8), FIELDS_END};
#undef H
#define H struct fsxattr
LIST(fsxattr) {
	FIELD(fsx_xflags, U32), FIELD(fsx_extsize, U32), FIELD(fsx_nextents, U32), FIELD(fsx_projid, U32),
	FIELD(fsx_cowextsize, U32), FIELDB(fsx_pad), FIELDS_END
};
#undef H
#define H struct fstrim_range
LIST(fstrim_range) {FIELD(start, U64), FIELD(len, U64), FIELD(minlen, U64), FIELDS_END};
#undef H
#define H struct file_clone_range
LIST(file_clone_range) {
	FIELD(src_fd, S64), FIELD(src_offset, U64), FIELD(src_length, U64), FIELD(dest_offset, U64), FIELDS_END
};
#undef H
#define H struct kernel_blkpg
LIST(blkpg) {FIELD(op, S32), FIELD(flags, S32), FIELD(datalen, S32), FIELD(data, PTR), FIELDS_END};
#undef H
