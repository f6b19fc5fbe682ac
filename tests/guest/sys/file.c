/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files: status, times, locks, holes, copying, pipes, attributes, directories, watches. In the current, empty folder. */
#include "say.h"
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <utime.h>

static void status(const char *name)
{
	struct stat st;
	struct stat64 st64;
	SAY(lstat(name, &st));
	printf("mode %o nlink %d size %lld mtime %lld.%09ld\n", st.st_mode, (int)st.st_nlink, (long long)st.st_size,
	       (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	SAY(lstat64(name, &st64));
	printf("ino %d dev %d size %lld\n", st64.st_ino == st.st_ino, st64.st_dev == st.st_dev, (long long)st64.st_size);
}

int main(void)
{
	char buf[4096];
	umask(022);
	SAY(open("none", O_RDONLY));
	int fd = open64("a", O_RDWR | O_CREAT | O_EXCL, 0640);
	SAY(open("a", O_RDWR | O_CREAT | O_EXCL, 0640));
	SAY(write(fd, "hello world", 11));
	SAY(pwrite64(fd, "far", 3, 0x123456789LL));
	SAY(ftruncate64(fd, 0x200000000LL));
	SAY(lseek64(fd, 0, SEEK_END));
	SAY(pread64(fd, buf, 10, 0x123456789LL));
	printf("%.3s\n", buf);
	SAY(lseek64(fd, 100000, SEEK_DATA) / 1000000);
	SAY(lseek64(fd, 0, SEEK_HOLE) > 0);
	SAY(fallocate64(fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, 0x123456000LL, 65536));
	SAY(pread64(fd, buf, 3, 0x123456789LL));
	printf("%d\n", buf[0]);
	SAY(posix_fadvise64(fd, 0, 0x180000000LL, POSIX_FADV_RANDOM));
	int small = open("a", O_RDONLY);
	printf("open of 8 GB %s\n", small < 0 ? strerrorname_np(errno) : sizeof(long) == 8 ? "works" : "works in 32 bits");
	SAY(ftruncate(fd, 11));
	struct timespec ts[2] = {{1000000000, 123456789}, {1100000000, 987654321}};
	SAY(futimens(fd, ts));
	status("a");
	SAY(symlink("a", "link"));
	SAY(link("a", "b"));
	SAY(readlink("link", buf, sizeof(buf)));
	SAY(readlink("a", buf, sizeof(buf)));
	status("b");
	struct utimbuf ut = {5, 6};
	SAY(utime("b", &ut));
	status("a");
	SAY(chmod("a", 04711));
	SAY(access("a", W_OK));
	SAY(faccessat(AT_FDCWD, "link", X_OK, AT_EACCESS));
	SAY(access("none/x", F_OK));
	SAY(truncate("none", 5));
	SAY(mkdir("dir", 0755));
	SAY(mkdir("dir", 0755));
	SAY(rename("a", "dir/a"));
	SAY(renameat2(AT_FDCWD, "b", AT_FDCWD, "dir/a", 1));
	SAY(rmdir("dir"));
	SAY(unlink("dir"));
	SAY(mkfifo("fifo", 0600));
	SAY(mknod("dev", S_IFREG | 0600, 0));

	/* many names, read back through small buffers */
	int dirfd = open("dir", O_RDONLY | O_DIRECTORY);
	for (int i = 0; i < 300; i++) {
		snprintf(buf, sizeof(buf), "entry-%03d-%.*s", i, i % 50, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
		close(openat(dirfd, buf, O_CREAT | O_WRONLY, 0600));
	}
	DIR *d = opendir("dir");
	unsigned names = 0, sum = 0;
	for (struct dirent *e; (e = readdir(d));) {
		names++;
		for (char *p = e->d_name; *p; p++)
			sum += *p;
		if (e->d_name[0] == 'e' && e->d_type != DT_REG && e->d_type != DT_UNKNOWN)
			puts("wrong type");
	}
	printf("%u names, sum %u\n", names, sum);
	rewinddir(d);
	long where = telldir(d);
	printf("first again %d\n", readdir(d) != NULL);
	seekdir(d, where);
	closedir(d);

	struct iovec iov[3] = {{"one", 3}, {"two", 3}, {"three", 5}};
	SAY(ftruncate(fd, 0));
	SAY(lseek(fd, 0, SEEK_SET));
	SAY(writev(fd, iov, 3));
	char x[3], y[20];
	struct iovec in[2] = {{x, 3}, {y, 20}};
	SAY(preadv64(fd, in, 2, 1));
	printf("%.3s %.7s\n", x, y);
	SAY(pwritev2(fd, iov, 2, 100, 0));
	SAY(preadv2(fd, in, 2, 100, 0));
	SAY(readv(fd, in, -1));
	SAY(readv(fd, (void *)8, 1));
	SAY(read(fd, (void *)8, 1));
	SAY(write(-1, "", 1));

	/* copying in the kernel */
	int out = open("copy", O_RDWR | O_CREAT, 0600);
	off64_t from = 3, to = 5;
	SAY(copy_file_range(fd, &from, out, &to, 5, 0));
	printf("%lld %lld\n", (long long)from, (long long)to);
	off64_t at = 1;
	SAY(sendfile64(out, fd, &at, 6));
	off_t at32 = 2;
	SAY(sendfile(out, fd, &at32, 4));
	printf("%lld %lld\n", (long long)at, (long long)at32);
	int p[2];
	SAY(pipe2(p, O_CLOEXEC | O_NONBLOCK));
	SAY(read(p[0], buf, 1));
	off64_t off = 0;
	SAY(splice(fd, &off, p[1], NULL, 8, 0));
	SAY(vmsplice(p[1], iov, 2, 0));
	int p2[2];
	SAY(pipe(p2));
	SAY(tee(p[0], p2[1], 20, 0));
	SAY(read(p2[0], buf, 100));
	printf("%.14s\n", buf);
	SAY(fcntl(p[1], F_SETPIPE_SZ, 65536));
	SAY(fcntl(p[1], F_GETPIPE_SZ));
	SAY(fcntl(p[0], F_GETFL) & (O_NONBLOCK | O_ACCMODE));
	SAY(fcntl(p[0], F_GETFD));
	int available;
	SAY(ioctl(p[0], FIONREAD, &available));
	printf("%d\n", available);

	/* descriptors */
	SAY(dup2(fd, 100));
	SAY(dup3(fd, 100, O_CLOEXEC));
	SAY(dup3(fd, fd, 0));
	SAY(dup2(200, 201));
	SAY(fcntl(fd, F_DUPFD, 150));
	SAY(fcntl(fd, F_DUPFD_CLOEXEC, 150));
	SAY(syscall(SYS_close_range, 100, 149, 0));
	SAY(fcntl(100, F_GETFD));
	SAY(fcntl(150, F_GETFD));
	SAY(syscall(SYS_close_range, 150, ~0u, 4));
	SAY(fcntl(150, F_GETFD));

	/* locks */
	struct flock64 fl = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0x100000000LL, .l_len = 10};
	SAY(fcntl(fd, F_SETLK64, &fl));
	pid_t child = fork();
	if (child == 0) {
		struct flock64 g = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 0};
		SAY(fcntl(fd, F_GETLK64, &g));
		printf("type %d start %lld len %lld mine %d\n", g.l_type, (long long)g.l_start, (long long)g.l_len,
		       g.l_pid == getppid());
		SAY(fcntl(fd, F_SETLK64, &g));
		SAY(flock(fd, LOCK_EX | LOCK_NB));
		fflush(stdout);
		_exit(0);
	}
	waitpid(child, NULL, 0);
	struct flock64 ofd = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 5, .l_len = 3};
	SAY(fcntl(fd, F_OFD_SETLK, &ofd));
	int other = open("copy", O_RDWR);
	SAY(fcntl(other, F_OFD_GETLK, &ofd));
	printf("%d\n", ofd.l_type);
	SAY(fcntl(fd, F_SETLEASE, F_RDLCK));

	/* extended attributes */
	SAY(setxattr("copy", "user.test", "value", 5, XATTR_CREATE));
	SAY(getxattr("copy", "user.test", buf, 100));
	SAY(fgetxattr(out, "user.none", buf, 100));
	SAY(listxattr("copy", buf, 100));
	SAY(removexattr("copy", "user.test"));

	/* watches */
	int in_fd = inotify_init1(IN_NONBLOCK);
	SAY(inotify_add_watch(in_fd, ".", IN_CREATE | IN_DELETE));
	close(open("seen", O_CREAT | O_WRONLY, 0600));
	unlink("seen");
	int got = (int)read(in_fd, buf, sizeof(buf));
	for (int i = 0; i < got;) {
		struct inotify_event *e = (void *)(buf + i);
		printf("watch %d mask %x %s\n", e->wd, e->mask, e->name);
		i += (int)(sizeof(*e) + e->len);
	}
	SAY(inotify_rm_watch(in_fd, 77));

	/* memfd with seals; file systems; statx */
	int m = memfd_create("mem", MFD_ALLOW_SEALING);
	SAY(ftruncate(m, 5000));
	SAY(fcntl(m, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW));
	SAY(ftruncate(m, 4000));
	SAY(fcntl(m, F_GET_SEALS));
	struct statfs sf;
	SAY(fstatfs(m, &sf));
	printf("type %lx bsize %ld namelen %ld\n", (long)sf.f_type, (long)sf.f_bsize, (long)sf.f_namelen);
	struct statvfs sv;
	SAY(statvfs("/proc", &sv));
	printf("bsize %lu\n", sv.f_bsize);
	struct statx sx;
	SAY(statx(AT_FDCWD, "copy", 0, STATX_BASIC_STATS, &sx));
	printf("size %llu mode %o\n", (unsigned long long)sx.stx_size, sx.stx_mode);
	struct {
		uint64_t flags, mode, resolve;
	} how = {O_RDONLY, 0, 8 /* RESOLVE_BENEATH */};
	SAY(syscall(SYS_openat2, AT_FDCWD, "/etc/passwd", &how, sizeof(how)));
	SAY(syscall(SYS_openat2, AT_FDCWD, "copy", &how, sizeof(how)) >= 0);
	SAY(syscall(SYS_openat2, AT_FDCWD, "copy", &how, 4));
	struct {
		struct file_handle h;
		char more[128];
	} handle = {.h.handle_bytes = 0};
	int mount_id;
	SAY(name_to_handle_at(AT_FDCWD, "copy", &handle.h, &mount_id, 0));
	chdir("dir");
	SAY(getcwd(buf, sizeof(buf)) != NULL);
	SAY(syscall(SYS_getcwd, buf, 2));
	SAY(chroot("/nonexistent"));
	SAY(readlink("/proc/self/cwd", buf, 10));
	return 0;
}
