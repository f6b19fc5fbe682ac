/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Programs and connections that the guest may reach at an address of its network. They are started by a process of their own, forked before this
 * one gives up its rights: it holds a UNIX socket for each service, in a private directory, and starts what the command line named for each
 * connection there. It can be asked for nothing else, and ends with us.
 */
#ifndef EMU_NET_LAUNCHER_H
#define EMU_NET_LAUNCHER_H
#include "net.h"

/* Before launcher_start(). Each returns the path of the service's socket, the launcher's; NULL with e filled. */
const char *launcher_command(struct net *n, const char *command, struct err *e);      /* /bin/sh -c */
const char *launcher_connect(struct net *n, const char *host_port, struct err *e);    /* a TCP connection */
const char *launcher_smb(struct net *n, const char *directory, struct err *e);        /* smbd, with a configuration of ours */
int launcher_at_end(struct net *n, const char *script, const char *argument, struct err *e); /* when this process has ended */
int launcher_start(struct net *n, struct err *e);
void launcher_stop(struct net *n);
#endif
