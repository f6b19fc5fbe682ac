/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the command line and the control socket put into a machine from outside: disks, byte streams, network cables. Main thread, locked. */
#ifndef EMU_CPU_PLUGS_H
#define EMU_CPU_PLUGS_H
#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"

struct machine;

/* text: fd=N, unix=PATH, file,path=PATH, stdio, null, none; id=ID. class_name: "serial", "parallel", "virtcon", "debugcon", "chardev". */
int serial_add(struct machine *m, const char *class_name, const char *text, struct err *e);
/* A new end for it; the fd becomes the stream's. */
int serial_reconnect(struct machine *m, const char *id, int fd, struct err *e);
/* The other end sends a break, which no byte can tell. */
int serial_break(struct machine *m, const char *id, struct err *e);

/*
 * text: id=ID,nbd=unix:PATH,if=ide|virtio|floppy|pflash|none|…; see emu-cpu(1), -disk. When the machine runs the interface is none, and the socket
 * is one of the run directory.
 */
int drive_add(struct machine *m, const char *text, struct err *e);
/* When the board and all devices are made: a disk that names an interface and found no place there. -ENODEV with e filled. */
int drives_check_used(struct machine *m, struct err *e);
struct drive;
/* Its server ends: requests fail from here on, its name is free again; it goes itself at once or with the device that uses it. Never waits. */
void drive_del(struct drive *d);
/* Its device goes for good; so does a drive that was added with with-device=on, once drives_sweep() finds it unused (event X_DRIVE_DELETED). */
void drive_release(struct drive *d);
void drives_sweep(struct machine *m);
/* Media of drives that have removable ones. force: although the guest has locked it. nbd: path of the new server's socket. */
int drive_eject(struct drive *d, bool force, struct err *e);
int drive_change(struct drive *d, const char *nbd, bool force, struct err *e);
/* The same over a connection that was made; the fd is the drive's then in any case. export_name NULL: as before. */
int drive_change_fd(struct drive *d, int fd, const char *export_name, bool force, struct err *e);
/* The connection for the next time that the present one breaks. */
void drive_reconnect(struct drive *d, int fd);
/* The export has changed its size: a new connection tells. */
int drive_reopen(struct drive *d, struct err *e);
/*
 * After the last -disk, before there are threads: makes the process that connects later, to sockets in run_dir (may be NULL) too, and
 * removes these names (NULL-terminated) at the end (drive-dial.h).
 */
int drives_prepare(struct machine *m, const char *run_dir, const char *const *remove, struct err *e);
/* The server's image has another size now, in bytes. */
void drive_resized(struct drive *d, uint64_t size);

/*
 * text: id=ID,fd=N or unix=PATH[,packet=on][,vnet_hdr=on]. A path is connected to again when the other end has gone; nets_prepare() is called
 * after the last one, as drives_prepare().
 */
int net_add(struct machine *m, const char *text, struct err *e);
int nets_prepare(struct machine *m, struct err *e);
int net_reconnect(struct machine *m, const char *id, int fd, struct err *e);
#endif
