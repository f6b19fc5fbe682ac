/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sockets: addresses, options, messages with descriptors, credentials and times, many messages at once, netlink. */
#include "say.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

static void control(struct msghdr *m)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		size_t n = c->cmsg_len - CMSG_LEN(0);
		printf("control level %d type %d", c->cmsg_level, c->cmsg_type);
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
			int fd[8];
			memcpy(fd, CMSG_DATA(c), n);
			printf(" %d descriptors\n", (int)(n / sizeof(int)));
			for (unsigned i = 0; i < n / sizeof(int); i++) {
				printf("usable %d\n", fcntl(fd[i], F_GETFD));
				close(fd[i]);
			}
		} else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_CREDENTIALS) {
			struct ucred u;
			memcpy(&u, CMSG_DATA(c), sizeof(u));
			printf(" size %d mine %d\n", (int)n, u.pid == getpid() && u.uid == getuid());
		} else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMP) {
			struct timeval tv;
			memcpy(&tv, CMSG_DATA(c), sizeof(tv));
			printf(" size ok %d now %d\n", n == sizeof(tv), tv.tv_sec > 1600000000 && tv.tv_usec < 1000000);
		} else {
			printf(" size %d\n", (int)n);
		}
	}
	printf("flags %x\n", m->msg_flags);
}

int main(void)
{
	int s[2], on = 1;
	socklen_t len;
	char buf[2000];
	setvbuf(stdout, NULL, _IONBF, 0);
	SAY(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, s));
	SAY(setsockopt(s[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)));
	SAY(setsockopt(s[0], SOL_SOCKET, SO_TIMESTAMP, &on, sizeof(on)));
	union {
		char bytes[256];
		struct cmsghdr head;
	} c;
	struct iovec iov = {"message", 7};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = c.bytes, .msg_controllen = CMSG_LEN(8)};
	memset(&c, 0, sizeof(c));
	c.head = (struct cmsghdr){.cmsg_len = CMSG_LEN(8), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
	memcpy(CMSG_DATA(&c.head), (int[]){0, 1}, 8);
	SAY(sendmsg(s[1], &m, 0));
	iov = (struct iovec){buf, sizeof(buf)};
	m.msg_controllen = sizeof(c);
	SAY(recvmsg(s[0], &m, 0));
	control(&m);
	/* room for one descriptor only */
	struct cmsghdr *h = &c.head;
	iov = (struct iovec){"again", 5};
	m.msg_controllen = CMSG_LEN(8);
	*h = (struct cmsghdr){.cmsg_len = CMSG_LEN(8), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
	memcpy(CMSG_DATA(h), (int[]){0, 1}, 8);
	on = 0;
	setsockopt(s[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on));
	setsockopt(s[0], SOL_SOCKET, SO_TIMESTAMP, &on, sizeof(on));
	SAY(sendmsg(s[1], &m, 0));
	iov = (struct iovec){buf, 3};
	m.msg_controllen = CMSG_LEN(4);
	SAY(recvmsg(s[0], &m, 0));
	control(&m);
	SAY(recv(s[0], buf, 1, MSG_DONTWAIT));
	m.msg_iovlen = 5000;
	SAY(sendmsg(s[1], &m, 0));

	struct mmsghdr many[3] = {{{.msg_iov = &(struct iovec){"a", 1}, .msg_iovlen = 1}, 0},
				  {{.msg_iov = &(struct iovec){"bb", 2}, .msg_iovlen = 1}, 0},
				  {{.msg_iov = &(struct iovec){"ccc", 3}, .msg_iovlen = 1}, 0}};
	SAY(sendmmsg(s[1], many, 3, 0));
	char in[3][10];
	for (int i = 0; i < 3; i++)
		many[i].msg_hdr.msg_iov = &(struct iovec){in[i], 10}, many[i].msg_len = 0;
	struct iovec v[3] = {{in[0], 10}, {in[1], 10}, {in[2], 10}};
	for (int i = 0; i < 3; i++)
		many[i].msg_hdr.msg_iov = &v[i];
	SAY(recvmmsg(s[0], many, 3, MSG_WAITFORONE, NULL));
	printf("%u %u %u\n", many[0].msg_len, many[1].msg_len, many[2].msg_len);
	struct timespec soon = {0, 1000000};
	SAY(sendmmsg(s[1], many, 1, 0));
	SAY(recvmmsg(s[0], many, 3, MSG_DONTWAIT, &soon));

	/* unix addresses, stream, peer credentials */
	struct sockaddr_un un = {.sun_family = AF_UNIX, .sun_path = "sock"};
	int l = socket(AF_UNIX, SOCK_STREAM, 0), cl = socket(AF_UNIX, SOCK_STREAM, 0);
	SAY(connect(cl, (void *)&un, sizeof(un)));
	SAY(bind(l, (void *)&un, offsetof(struct sockaddr_un, sun_path) + 5));
	SAY(bind(l, (void *)&un, 1000));
	SAY(listen(l, 5));
	SAY(connect(cl, (void *)&un, sizeof(un)));
	len = sizeof(un);
	int ac = accept4(l, (void *)&un, &len, SOCK_NONBLOCK);
	printf("accepted %d length %d\n", ac >= 0, (int)len);
	len = sizeof(un);
	SAY(getpeername(cl, (void *)&un, &len));
	printf("%s %d\n", un.sun_path, (int)len);
	struct ucred uc;
	len = sizeof(uc);
	SAY(getsockopt(cl, SOL_SOCKET, SO_PEERCRED, &uc, &len));
	printf("%d %d\n", uc.pid == getpid(), (int)len);
	SAY(recv(ac, buf, 1, 0));
	SAY(send(cl, "xyz", 3, MSG_NOSIGNAL));
	SAY(recv(ac, buf, 10, MSG_PEEK));
	int n;
	SAY(ioctl(ac, FIONREAD, &n));
	printf("%d\n", n);
	SAY(shutdown(cl, SHUT_WR));
	SAY(recv(ac, buf, 10, 0));
	SAY(recv(ac, buf, 10, 0));

	/* internet */
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}, from;
	int u = socket(AF_INET, SOCK_DGRAM, 0), u2 = socket(AF_INET, SOCK_DGRAM, 0);
	SAY(bind(u, (void *)&sin, sizeof(sin)));
	len = sizeof(sin);
	SAY(getsockname(u, (void *)&sin, &len));
	SAY(setsockopt(u, IPPROTO_IP, IP_PKTINFO, &(int){1}, 4));
	SAY(setsockopt(u, IPPROTO_IP, IP_RECVTTL, &(int){1}, 4));
	SAY(setsockopt(u, SOL_SOCKET, SO_TIMESTAMPNS, &(int){1}, 4));
	SAY(sendto(u2, "datagram", 8, 0, (void *)&sin, sizeof(sin)));
	iov = (struct iovec){buf, sizeof(buf)};
	m = (struct msghdr){.msg_iov = &iov, .msg_iovlen = 1, .msg_control = c.bytes, .msg_controllen = sizeof(c),
			    .msg_name = &from, .msg_namelen = sizeof(from)};
	SAY(recvmsg(u, &m, 0));
	printf("name %d family %d\n", (int)m.msg_namelen, from.sin_family);
	control(&m);
	SAY(sendto(u2, "short", 5, 0, (void *)&sin, sizeof(sin)));
	len = 4;
	SAY(recvfrom(u, buf, 3, MSG_TRUNC, (void *)&from, &len));
	printf("length %d\n", (int)len);
	struct timeval tv = {3, 500000};
	SAY(setsockopt(u, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)));
	tv = (struct timeval){0, 0};
	len = sizeof(tv);
	SAY(getsockopt(u, SOL_SOCKET, SO_RCVTIMEO, &tv, &len));
	printf("%ld.%ld %d\n", (long)tv.tv_sec, (long)tv.tv_usec, len == sizeof(tv));
	struct linger lin = {1, 7};
	int t = socket(AF_INET, SOCK_STREAM, 0);
	SAY(setsockopt(t, SOL_SOCKET, SO_LINGER, &lin, sizeof(lin)));
	len = sizeof(lin);
	SAY(getsockopt(t, SOL_SOCKET, SO_LINGER, &lin, &len));
	printf("%d %d\n", lin.l_onoff, lin.l_linger);
	struct tcp_info ti;
	len = sizeof(ti);
	SAY(getsockopt(t, IPPROTO_TCP, TCP_INFO, &ti, &len));
	printf("state %d\n", ti.tcpi_state);
	SAY(setsockopt(t, IPPROTO_TCP, TCP_NODELAY, &(int){1}, 4));
	SAY(getsockopt(t, 12345, 1, buf, &len));
	SAY(setsockopt(t, SOL_SOCKET, SO_RCVTIMEO, &tv, 3));
	SAY(connect(t, (void *)&(struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(1),
						     .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}, sizeof(sin)));
	struct group_req gr = {.gr_interface = 1};
	((struct sockaddr_in *)&gr.gr_group)->sin_family = AF_INET;
	((struct sockaddr_in *)&gr.gr_group)->sin_addr.s_addr = htonl(0xe1020304);
	SAY(setsockopt(u, IPPROTO_IP, MCAST_JOIN_GROUP, &gr, sizeof(gr)));
	SAY(setsockopt(u, IPPROTO_IP, MCAST_LEAVE_GROUP, &gr, sizeof(gr)));

	/* interfaces, over ioctl and over netlink */
	struct ifreq ifr[10];
	struct ifconf ic = {.ifc_len = sizeof(ifr), .ifc_req = ifr};
	SAY(ioctl(u, SIOCGIFCONF, &ic));
	printf("first %s whole %d\n", ifr[0].ifr_name, (int)(ic.ifc_len % sizeof(ifr[0])));
	SAY(if_nametoindex("lo"));
	printf("%s\n", if_indextoname(1, buf));
	strcpy(ifr[0].ifr_name, "lo");
	SAY(ioctl(u, SIOCGIFFLAGS, &ifr[0]));
	printf("up %d\n", ifr[0].ifr_flags & IFF_UP);
	SAY(ioctl(u, SIOCGIFMTU, &ifr[0]));
	printf("mtu %d\n", ifr[0].ifr_mtu);
	strcpy(ifr[0].ifr_name, "none");
	SAY(ioctl(u, SIOCGIFINDEX, &ifr[0]));
	struct ifaddrs *list;
	SAY(getifaddrs(&list));
	for (struct ifaddrs *i = list; i; i = i->ifa_next)
		if (!strcmp(i->ifa_name, "lo") && i->ifa_addr)
			printf("lo has family %d\n", i->ifa_addr->sa_family);
	return 0;
}
