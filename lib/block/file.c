/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Host files and host devices.
 *
 * Theory of operation
 *   Requests are pread() and pwrite() of the caller's thread: the kernel's page cache (or, with cache.direct, the
 *   device) does the rest. Holes are asked for with SEEK_DATA/SEEK_HOLE and made with fallocate(). With aio=native and
 *   aio=io_uring requests go through queues of the kernel (file-ring.h).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/sandbox.h"
#include "block/core.h"
#include "block/file-ring.h"

struct file {
	int fd;
	struct file_ring *ring; /* NULL: plain calls */
	char *path;
	bool device, locked;
	bool no_zero_range, no_punch; /* the file system said so */
	/* the last answer of SEEK_DATA/SEEK_HOLE: everything in [start, end) is data or hole */
	pthread_mutex_t seek_lock;
	uint64_t seek_start, seek_end, seek_changes;
	bool seek_data;
	uint64_t changes; /* counts what may make the answer wrong */
};

static const char *strip(const char *name)
{
	if (!strncmp(name, "file:", 5))
		return name + 5;
	if (!strncmp(name, "host_device:", 12))
		return name + 12;
	if (!strncmp(name, "host_cdrom:", 11))
		return name + 11;
	return name;
}

static int parse_filename(const char *filename, json_t *options, struct err *e)
{
	(void)e;
	json_object_set_new(options, "filename", json_string(strip(filename)));
	return 0;
}

static char *describe(struct blk *b)
{
	struct file *f = b->state;
	return f->path ? strdup(f->path) : NULL;
}

static int host_open(struct blk *b, const char *path, int oflags)
{
	int fd;

	if (!strncmp(path, "/dev/fdset/", 11))
		return blk_fdset_open(b->graph, path, oflags);
	fd = blk_path_fd_open(b->graph, path, oflags);
	if (fd != -ENOENT)
		return fd;
	if (!sandbox_allows(SANDBOX_OPEN))
		return -EPERM;
	fd = open(path, oflags | O_CLOEXEC | O_NOCTTY);
	return fd < 0 ? -errno : fd;
}

static int cannot_open(int r, const char *path, struct err *e)
{
	err_errno(e, -r, "Could not open '%s'", path);
	return r == -EPERM && !sandbox_allows(SANDBOX_OPEN)
		       ? err_hint(e, "The server's filter lets it open no path: pass a descriptor with add-fd and \"path\".")
		       : r;
}

/* The unit of direct I/O: tried out, since file systems do not say. */
static uint32_t direct_align(int fd, bool device)
{
	static const uint32_t sizes[] = {512, 1024, 2048, 4096};
	void *buf;
	uint32_t found = 4096;
	int sector;

	if (device && !ioctl(fd, BLKSSZGET, &sector) && sector >= 512 && sector <= 65536)
		return (uint32_t)sector;
	if (posix_memalign(&buf, 4096, 4096))
		return 4096;
	for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++)
		if (pread(fd, buf, sizes[i], 0) >= 0 || errno != EINVAL) {
			found = sizes[i];
			break;
		}
	free(buf);
	return found;
}

static int file_size(int fd, bool device, uint64_t *size)
{
	struct stat st;
	off_t end;

	if (device && !ioctl(fd, BLKGETSIZE64, size))
		return 0;
	if (!device && !fstat(fd, &st) && S_ISREG(st.st_mode)) {
		*size = (uint64_t)st.st_size;
		return 0;
	}
	end = lseek(fd, 0, SEEK_END);
	if (end < 0)
		return -errno;
	*size = (uint64_t)end;
	return 0;
}

/* aio=: the option of this file before what the opener asked for. */
static int choose_aio(struct blk *b, struct err *e)
{
	const char *aio = blk_opts_string(b->opts, "aio");

	if (aio)
		b->flags &= ~(unsigned)(BLK_NATIVE_AIO | BLK_IO_URING);
	if (aio && !strcmp(aio, "native"))
		b->flags |= BLK_NATIVE_AIO;
	if (aio && !strcmp(aio, "io_uring"))
		b->flags |= BLK_IO_URING;
	if ((b->flags & BLK_NATIVE_AIO) && !(b->flags & BLK_DIRECT))
		return err_set(e, EINVAL, "aio=native was specified, but it requires cache.direct=on, which was not specified.");
	if ((b->flags & BLK_IO_URING) && !file_ring_built_in(FILE_RING_IO_URING))
		return err_set(e, EINVAL, "aio=io_uring was specified, but is not supported in this build.");
	return 0;
}

static void start_aio(struct blk *b)
{
	struct file *f = b->state;
	struct err why = ERR_INIT;

	if (b->flags & BLK_IO_URING && file_ring_new(FILE_RING_IO_URING, &f->ring, &why))
		err_print("Unable to use linux io_uring, falling back to thread pool: %s", why.msg);
	else if (b->flags & BLK_NATIVE_AIO && file_ring_new(FILE_RING_NATIVE, &f->ring, &why))
		err_print("Unable to use native AIO, falling back to thread pool: %s", why.msg);
}

static int file_open(struct blk *b, struct err *e)
{
	struct file *f = b->state;
	const char *path = blk_opts_string(b->opts, "filename"), *locking = blk_opts_string(b->opts, "locking");
	int oflags = b->flags & BLK_RDWR ? O_RDWR : O_RDONLY, fd, r;
	struct stat st;

	f->fd = -1;
	pthread_mutex_init(&f->seek_lock, NULL);
	if (!path || !*path)
		return err_set(e, EINVAL, "The '%s' block driver requires a file name", b->fmt->name);
	f->path = strdup(path);
	if ((r = choose_aio(b, e)))
		return r;
	if (b->flags & BLK_DIRECT)
		oflags |= O_DIRECT;
	fd = -EACCES;
	if (b->graph->live && !(b->flags & BLK_RDWR)) /* it may become writable when no path can be opened any more */
		fd = host_open(b, path, (oflags & ~O_ACCMODE) | O_RDWR);
	if (fd < 0)
		fd = host_open(b, path, oflags);
	if ((fd == -EACCES || fd == -EROFS || fd == -EPERM) && (b->flags & BLK_RDWR) && (b->flags & BLK_AUTO_READ_ONLY)) {
		oflags = (oflags & ~O_ACCMODE) | O_RDONLY;
		fd = host_open(b, path, oflags);
		if (fd >= 0) {
			b->flags &= ~(unsigned)BLK_RDWR;
			b->core->perm &= ~(unsigned)(BLK_PERM_WRITE | BLK_PERM_RESIZE);
		}
	}
	if (fd < 0) {
		if (fd == -EINVAL && (b->flags & BLK_DIRECT))
			return err_set(e, EINVAL, "Could not open '%s': filesystem does not support O_DIRECT", path);
		return cannot_open(fd, path, e);
	}
	f->fd = fd;
	if (fstat(fd, &st))
		return err_errno(e, errno, "Could not stat '%s'", path);
	f->device = S_ISBLK(st.st_mode) || S_ISCHR(st.st_mode);
	if (S_ISDIR(st.st_mode))
		return err_errno(e, EISDIR, "Could not open '%s'", path);
	if (!strcmp(b->fmt->name, "file") && f->device)
		return err_set(e, EINVAL, "'file' driver requires '%s' to be a regular file", path);
	if (strcmp(b->fmt->name, "file") && !f->device)
		return err_set(e, EINVAL, "'%s' driver requires '%s' to be a device", b->fmt->name, path);
	if (!S_ISREG(st.st_mode) && !f->device)
		return err_set(e, EINVAL, "'%s' is neither a regular file nor a device", path);
	if ((r = file_size(fd, f->device, &b->size)))
		return err_errno(e, -r, "Could not determine the size of '%s'", path);
	if (b->flags & BLK_DIRECT)
		b->align = direct_align(fd, f->device);
	if (strcmp(locking ? locking : "auto", "off") && !(b->flags & BLK_NO_LOCK)) {
		if ((r = blk_file_lock(fd, path, b->core->perm, b->core->shared, e)))
			return r;
		f->locked = true;
	}
	start_aio(b);
	return 0;
}

static void file_close(struct blk *b)
{
	struct file *f = b->state;

	file_ring_free(f->ring);
	if (f->locked)
		blk_file_unlock(f->fd); /* a descriptor that was passed lives on elsewhere, and its locks with it */
	if (f->fd >= 0)
		close(f->fd);
	pthread_mutex_destroy(&f->seek_lock);
	free(f->path);
}

/* A new descriptor takes the old one's number, so that requests under way never see a closed one. */
static int file_reopen(struct blk *b, bool writable, struct err *e)
{
	struct file *f = b->state;
	int oflags = O_RDWR | (b->flags & BLK_DIRECT ? O_DIRECT : 0);
	struct stat was, is;
	int fd, r;
	unsigned old = writable ? b->core->perm & ~(unsigned)(BLK_PERM_WRITE | BLK_PERM_RESIZE)
				: b->core->perm | BLK_PERM_WRITE | BLK_PERM_RESIZE;

	if (!writable || (fcntl(f->fd, F_GETFL) & O_ACCMODE) == O_RDWR)
		return f->locked ? blk_file_relock(f->fd, f->path, b->core->perm, old, b->core->shared, e) : 0;
	fd = host_open(b, f->path, oflags);
	if (fd < 0)
		return cannot_open(fd, f->path, e);
	if (fstat(f->fd, &was) || fstat(fd, &is) || was.st_dev != is.st_dev || was.st_ino != is.st_ino) {
		close(fd);
		return err_set(e, ESTALE, "Could not reopen '%s': another file has its name now", f->path);
	}
	if (f->locked) {
		blk_file_unlock(f->fd);
		if ((r = blk_file_lock(fd, f->path, b->core->perm, b->core->shared, e))) {
			blk_file_lock(f->fd, f->path, old, b->core->shared, NULL);
			close(fd);
			return r;
		}
	}
	if (dup3(fd, f->fd, O_CLOEXEC) < 0) {
		r = err_errno(e, errno, "Could not reopen '%s'", f->path);
		close(fd);
		return r;
	}
	close(fd); /* the lock belongs to the open file description, which lives on */
	return 0;
}

static int file_pread(struct blk *b, uint64_t offset, size_t length, void *buf)
{
	struct file *f = b->state;
	uint8_t *p = buf;
	int r;

	if (f->ring && (r = file_ring_io(f->ring, f->fd, false, offset, length, buf)) != -ENOTSUP)
		return r;
	while (length) {
		ssize_t n = pread(f->fd, p, length, (off_t)offset);
		if (n < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		if (n == 0) { /* the file became shorter, or ends within an aligned block */
			memset(p, 0, length);
			return 0;
		}
		p += n;
		offset += (uint64_t)n;
		length -= (size_t)n;
	}
	return 0;
}

/* After each change of what is allocated. An answer that was asked for before it is not kept, and one that was kept does not count any more. */
static void forget_extent(struct file *f)
{
	__atomic_add_fetch(&f->changes, 1, __ATOMIC_SEQ_CST);
}

static int file_pwrite(struct blk *b, uint64_t offset, size_t length, const void *buf, unsigned flags)
{
	struct file *f = b->state;
	const uint8_t *p = buf;
	int r = 0;

	(void)flags;
	if (f->ring && (r = file_ring_io(f->ring, f->fd, true, offset, length, (void *)(uintptr_t)buf)) != -ENOTSUP)
		length = 0;
	else
		r = 0;
	while (length && !r) {
		ssize_t n = pwrite(f->fd, p, length, (off_t)offset);
		if (n < 0) {
			r = errno == EINTR ? 0 : -errno;
			continue;
		}
		if (n == 0)
			r = -ENOSPC;
		p += n;
		offset += (uint64_t)n;
		length -= (size_t)n;
	}
	forget_extent(f);
	return r;
}

static int file_flush(struct blk *b)
{
	struct file *f = b->state;

	if (b->flags & BLK_NO_FLUSH)
		return 0;
	return fdatasync(f->fd) ? -errno : 0;
}

static int do_fallocate(int fd, int mode, uint64_t offset, uint64_t length)
{
	while (fallocate(fd, mode, (off_t)offset, (off_t)length))
		if (errno != EINTR)
			return -errno;
	return 0;
}

static bool unsupported(int r)
{
	return r == -EOPNOTSUPP || r == -ENOSYS || r == -EINVAL || r == -ENOTTY || r == -ENODEV;
}

static int file_zeroes(struct blk *b, uint64_t offset, uint64_t length, unsigned flags)
{
	struct file *f = b->state;
	uint64_t end = offset + length, range[2] = {offset, length};
	int r;

	forget_extent(f);
	if (f->device) {
		r = ioctl(f->fd, BLKZEROOUT, range) ? -errno : 0;
		return unsupported(r) ? -ENOTSUP : r;
	}
	if ((flags & BLK_ZERO_MAY_UNMAP) && !f->no_punch) {
		if (end > b->size && ftruncate(f->fd, (off_t)end)) /* a punched hole does not grow the file */
			return -errno;
		r = do_fallocate(f->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length);
		if (!unsupported(r))
			return r;
		f->no_punch = true;
	}
	if (!f->no_zero_range) {
		r = do_fallocate(f->fd, FALLOC_FL_ZERO_RANGE, offset, length);
		if (!unsupported(r))
			return r;
		f->no_zero_range = true;
	}
	if (offset >= b->size) { /* past the end: allocated space reads as zeros */
		r = do_fallocate(f->fd, 0, offset, length);
		if (!unsupported(r))
			return r;
	}
	return -ENOTSUP;
}

static int file_discard(struct blk *b, uint64_t offset, uint64_t length)
{
	struct file *f = b->state;
	uint64_t range[2] = {offset, length};
	int r;

	forget_extent(f);
	if (f->device)
		r = ioctl(f->fd, BLKDISCARD, range) ? -errno : 0;
	else
		r = do_fallocate(f->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length);
	return unsupported(r) ? -ENOTSUP : r;
}

static int file_status(struct blk *b, uint64_t offset, uint64_t length, struct blk_status *st)
{
	struct file *f = b->state;
	off_t data, hole;
	uint64_t changes;

	st->flags = BLK_ST_ALLOCATED | BLK_ST_OFFSET | BLK_ST_DATA;
	st->offset = offset;
	st->length = length;
	st->file = b;
	if (f->device)
		return 0;
	pthread_mutex_lock(&f->seek_lock);
	changes = __atomic_load_n(&f->changes, __ATOMIC_SEQ_CST);
	if (offset < f->seek_start || offset >= f->seek_end || f->seek_changes != changes) {
		data = lseek(f->fd, (off_t)offset, SEEK_DATA);
		if (data < 0 && errno == ENXIO) {
			data = (off_t)(b->size > offset ? b->size : offset + length);
		} else if (data < 0) {
			pthread_mutex_unlock(&f->seek_lock);
			return 0;
		}
		f->seek_start = offset;
		f->seek_changes = changes;
		if (data > (off_t)offset) {
			f->seek_end = (uint64_t)data;
			f->seek_data = false;
		} else {
			hole = lseek(f->fd, (off_t)offset, SEEK_HOLE);
			f->seek_end = hole > (off_t)offset ? (uint64_t)hole : offset + length;
			f->seek_data = true;
		}
	}
	if (f->seek_end - offset < length)
		st->length = f->seek_end - offset;
	if (!f->seek_data)
		st->flags = BLK_ST_ZERO | BLK_ST_OFFSET | BLK_ST_ALLOCATED;
	pthread_mutex_unlock(&f->seek_lock);
	return 0;
}

static int file_copy_from(struct blk *b, uint64_t offset, struct blk *src, uint64_t src_offset, uint64_t length, uint64_t *done)
{
	struct file *f = b->state, *s = src->state;
	off_t from = (off_t)src_offset, to = (off_t)offset;

	*done = 0;
	while (length) {
		ssize_t n = copy_file_range(s->fd, &from, f->fd, &to, length > 1u << 30 ? 1u << 30 : (size_t)length, 0);
		forget_extent(f);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return *done ? 0 : unsupported(-errno) || errno == EXDEV || errno == EBADF ? -ENOTSUP : -errno;
		if (n == 0)
			break;
		*done += (uint64_t)n;
		length -= (uint64_t)n;
	}
	return *done ? 0 : -ENOTSUP;
}

/* Fills [from, size) by writing zeros; a failure leaves the old length. */
static int fill(int fd, uint64_t from, uint64_t size)
{
	size_t chunk = 1 << 20;
	void *zero = calloc(1, chunk);
	int r = zero ? 0 : -ENOMEM;

	while (!r && from < size) {
		ssize_t n = pwrite(fd, zero, size - from < chunk ? (size_t)(size - from) : chunk, (off_t)from);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			r = n < 0 ? -errno : -ENOSPC;
		else
			from += (uint64_t)n;
	}
	free(zero);
	if (!r && fsync(fd))
		r = -errno;
	return r;
}

static int resize_fd(int fd, uint64_t old, uint64_t size, enum blk_prealloc prealloc, struct err *e)
{
	int r;

	if (prealloc == BLK_PREALLOC_METADATA)
		return err_set(e, ENOTSUP, "Unsupported preallocation mode 'metadata' for a file; accepted are: off, falloc, full");
	if (prealloc != BLK_PREALLOC_OFF && size < old)
		return err_set(e, ENOTSUP, "Preallocation can't be used for shrinking files");
	if (prealloc == BLK_PREALLOC_FALLOC && size > old) {
		r = posix_fallocate(fd, (off_t)old, (off_t)(size - old));
		if (r) {
			if (ftruncate(fd, (off_t)old))
				r = errno;
			return err_errno(e, r, "Could not preallocate data for the new file");
		}
		return 0;
	}
	if (ftruncate(fd, (off_t)size))
		return err_errno(e, errno, "Failed to resize the file");
	if (prealloc == BLK_PREALLOC_FULL && (r = fill(fd, old, size))) {
		if (ftruncate(fd, (off_t)old))
			return err_errno(e, errno, "Failed to restore old file length");
		return err_errno(e, -r, "Could not write zeros for preallocation");
	}
	return 0;
}

static int file_truncate(struct blk *b, uint64_t size, enum blk_prealloc prealloc, struct err *e)
{
	struct file *f = b->state;
	int r;

	forget_extent(f);
	if (f->device) {
		uint64_t now;
		if ((r = file_size(f->fd, true, &now)))
			return err_errno(e, -r, "Could not determine the size of '%s'", f->path);
		if (size > now)
			return err_set(e, EINVAL, "Cannot grow device files");
		return 0;
	}
	if ((r = resize_fd(f->fd, b->size, size, prealloc, e)))
		return r;
	__atomic_store_n(&b->size, size, __ATOMIC_RELAXED); /* requests look at it without a lock */
	return 0;
}

static int file_get_size(struct blk *b, uint64_t *size)
{
	struct file *f = b->state;
	return file_size(f->fd, f->device, size);
}

static int64_t file_allocated(struct blk *b)
{
	struct file *f = b->state;
	struct stat st;

	return fstat(f->fd, &st) ? -errno : (int64_t)st.st_blocks * 512;
}

static int file_create(const struct blk_create *c, struct err *e)
{
	const char *path = strip(c->filename);
	enum blk_prealloc prealloc = BLK_PREALLOC_OFF;
	const char *mode = blk_opts_string(c->opts, "preallocation");
	struct fsxattr attr;
	uint64_t hint = blk_opts_size(c->opts, "extent_size_hint", 0);
	bool may_open = sandbox_allows(SANDBOX_OPEN), existed = !may_open || !access(path, F_OK);
	int fd, r;

	if (mode && (r = blk_prealloc_parse(mode, &prealloc, e)))
		return r;
	if (!strncmp(path, "/dev/fdset/", 11))
		fd = blk_fdset_open(c->graph, path, O_RDWR);
	else
		fd = blk_path_fd_open(c->graph, path, O_RDWR);
	if (fd == -ENOENT && may_open && strncmp(path, "/dev/fdset/", 11)) {
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, 0644);
		if (fd < 0)
			return err_errno(e, errno, "Could not create '%s'", path);
	} else if (fd < 0) {
		return cannot_open(may_open ? fd : -EPERM, path, e);
	} else {
		existed = true; /* it is not ours to remove */
	}
	/* Others may look at the file meanwhile, but not write it or depend on its size. */
	r = blk_file_lock(fd, path, BLK_PERM_WRITE | BLK_PERM_RESIZE, BLK_PERM_ALL & ~(unsigned)BLK_PERM_RESIZE, e);
	if (r) {
		close(fd);
		return r;
	}
	if (ftruncate(fd, 0)) {
		r = err_errno(e, errno, "Could not create '%s'", path);
		goto out;
	}
	if (blk_opts_bool(c->opts, "nocow", false)) {
		int flags; /* best effort: only some file systems know it */
		if (!ioctl(fd, FS_IOC_GETFLAGS, &flags)) {
			flags |= FS_NOCOW_FL;
			(void)!ioctl(fd, FS_IOC_SETFLAGS, &flags);
		}
	}
	if (hint && !ioctl(fd, FS_IOC_FSGETXATTR, &attr)) {
		attr.fsx_xflags |= FS_XFLAG_EXTSIZE;
		attr.fsx_extsize = (uint32_t)(hint > UINT32_MAX ? UINT32_MAX : hint);
		(void)!ioctl(fd, FS_IOC_FSSETXATTR, &attr);
	}
	if ((r = resize_fd(fd, 0, c->size, prealloc, e)) && !existed)
		unlink(path);
out:
	blk_file_unlock(fd);
	if (close(fd) && !r)
		r = err_errno(e, errno, "Could not create '%s'", path);
	return r;
}

static const char *const aio_choices[] = {"threads", "native", "io_uring", NULL};
static const char *const locking_choices[] = {"auto", "on", "off", NULL};
static const struct blk_option file_options[] = {
	{"filename", BLK_OPT_STRING, "File name of the image", NULL, NULL},
	{"aio", BLK_OPT_STRING, "host AIO implementation (threads, native, io_uring)", NULL, aio_choices},
	{"locking", BLK_OPT_STRING, "file locking mode (on/off/auto, default: auto)", NULL, locking_choices},
	{.name = NULL},
};
static const struct blk_option file_create_options[] = {
	{"size", BLK_OPT_SIZE, "Virtual disk size", NULL, NULL},
	{"nocow", BLK_OPT_BOOL, "Turn off copy-on-write (valid only on btrfs)", NULL, NULL},
	{"preallocation", BLK_OPT_STRING, "Preallocation mode (allowed values: off, falloc, full)", NULL, NULL},
	{"extent_size_hint", BLK_OPT_SIZE, "Extent size hint for the image file, 0 to disable", NULL, NULL},
	{.name = NULL},
};
static const char *const file_prefixes[] = {"file", NULL};

#define FILE_HOOKS                                                                                             \
	.state_size = sizeof(struct file), .options = file_options, .parse_filename = parse_filename,          \
	.describe = describe, .open = file_open, .close = file_close, .pread = file_pread, .pwrite = file_pwrite, \
	.pwrite_zeroes = file_zeroes, .discard = file_discard, .flush = file_flush, .block_status = file_status, \
	.copy_from = file_copy_from, .truncate = file_truncate, .get_size = file_get_size,                     \
	.allocated_size = file_allocated, .reopen = file_reopen

BLOCK_FORMAT(file) = {
	.name = "file", .flags = BLK_F_PROTOCOL | BLK_F_GROWS, .prefixes = file_prefixes, FILE_HOOKS,
	.create = file_create, .create_options = file_create_options,
};

/* For a device the probe hook answers whether the *name* is one (blk_protocol_of). */
static int device_probe(const uint8_t *buf, size_t size, const char *filename)
{
	struct stat st;

	(void)buf;
	(void)size;
	return filename && !stat(filename, &st) && (S_ISBLK(st.st_mode) || S_ISCHR(st.st_mode)) ? 100 : 0;
}

static const char *const device_prefixes[] = {"host_device", NULL};
BLOCK_FORMAT(host_device) = {
	.name = "host_device", .flags = BLK_F_PROTOCOL, .prefixes = device_prefixes, .probe = device_probe, FILE_HOOKS,
};

static const char *const cdrom_prefixes[] = {"host_cdrom", NULL};
BLOCK_FORMAT(host_cdrom) = {
	.name = "host_cdrom", .flags = BLK_F_PROTOCOL | BLK_F_READ_ONLY, .prefixes = cdrom_prefixes, FILE_HOOKS,
};
