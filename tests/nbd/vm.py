# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest under emu-cpu with fio on a disk that a Server serves, and what it is told and asked over its serial port."""
import hashlib, re, select, threading
from common import *

CPU = BUILD + '/bin/emu-cpu'
GUEST = BUILD + '/guest-storage'
ESCAPES = re.compile(r'\x1b(\[[0-9;?=]*[ -/]*[@-~]|[()*+][0-9A-Za-z]|[=>78cDEHM])')


def guest_files():
    """Why there is no guest; '' if there is one."""
    p = subprocess.run(['bash', TOP + '/tests/nbd/storage-guest', GUEST], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return '' if p.returncode == 0 else (p.stderr.strip().splitlines() or ['the guest cannot be made'])[-1]


class Dead(Exception):
    pass


class VM:
    """emu-cpu with its disks: [(id, socket, more)]. A thread reads the console all the time, so that the guest never waits for us."""

    def __init__(self, *disks, args=()):
        self.ctl_path = DIR + '/cpu.ctl'
        command = [CPU, '-M', 'pc', '-nographic', '-nodefaults', '-m', '192', '-no-reboot', '-ctl', self.ctl_path, '-serial', 'stdio', '-kernel', GUEST + '/vmlinuz',
                   '-initrd', GUEST + '/initrd.gz', '-append', 'console=ttyS0 quiet panic=-1 no_timer_check']
        for name, sock, more in disks:
            command += ['-disk', 'id=%s,nbd=unix:%s,%s' % (name, sock, more)]
        self.p = subprocess.Popen(command + list(args), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=open('cpu.err', 'w'), bufsize=0)
        servers.append(self)
        self.text, self.changed, self.number = '', threading.Condition(), 0
        threading.Thread(target=self._read, daemon=True).start()
        self.expect(r'Shell after', 300)
        self.expect(r'/ # ', 60)
        self.ctl = Ctl(self.ctl_path)
        self.sh('stty -echo')

    def _read(self):
        while True:
            got = self.p.stdout.read(65536)
            with self.changed:
                self.text = ESCAPES.sub('', self.text + (got or b'').decode('utf-8', 'replace').replace('\r', '')) + ('' if got else '\n<the machine ended>\n')
                self.changed.notify_all()
            if not got:
                return

    def expect(self, pattern, seconds):
        """Waits for what the console says; takes everything up to its end."""
        seconds *= float(os.environ.get('BOOT_PATIENCE', '1'))
        end = time.monotonic() + seconds
        with self.changed:
            while True:
                m = re.search(pattern, self.text, re.M)
                if m:
                    self.text = self.text[m.end():]
                    return m
                if '<the machine ended>' in self.text or time.monotonic() > end:
                    raise Dead('no %r after %.0f s; the guest said last: %r %s' % (pattern, seconds, self.text[-1500:], open('cpu.err').read()[-500:]))
                self.changed.wait(min(1, max(0.01, end - time.monotonic())))

    def sh(self, command, seconds=120):
        """Runs a command in the guest; (status, output)."""
        self.number += 1
        self.p.stdin.write(('%s; echo "@end"%d:$?@\n' % (command, self.number)).encode())
        m = self.expect(r'([\s\S]*?)@end%d:(\d+)@\n' % self.number, seconds)
        return int(m.group(2)), re.sub(r'(?m)^.*# ', '', m.group(1)).strip()

    def kill(self):
        if self.p.poll() is None:
            self.p.kill()
        self.p.wait()

    # ---- fio ----

    def load_begin(self, dev='/dev/vda', size=12):
        """fio writes the first 12 MiB (or `size`) again and again, and reads back what it wrote, until load_end()."""
        self.seed = getattr(self, 'seed', 0) + 1
        job = ('--name=a --bs=4k --offset=0 --size=%dm --name=b --bs=32k --offset=%dm --size=%dm' % (size // 3, size // 3, size - size // 3))
        loop = ('rm -f /stop /bad; i=%d00000; while [ ! -e /stop ]; do i=$((i+1)); fio --filename=%s --direct=1 --thread --ioengine=libaio --iodepth=4 --rw=randwrite '
                '--verify=crc32c --verify_backlog=64 --verify_fatal=1 --do_verify=1 --random_generator=tausworthe --randseed=$i --output=/fio.out %s 2>/fio.err || '
                '{ echo "fio: $?" >/bad; cat /fio.err >>/bad; cat /fio.out >>/bad; break; }; done' % (self.seed, dev, job))
        self.sh('{ %s; } >/dev/null 2>&1 & echo $i' % loop)

    def load_end(self, what, seconds=300):
        self.sh('touch /stop; wait', seconds)
        status, out = self.sh('test -e /bad && { echo BAD; cat /bad; }; dmesg | grep -iE "I/O error|blk_update|Buffer I/O" | tail -n 5')
        return ok('BAD' not in out.split('\n') and 'rror' not in out, what + ': fio has read back everything it wrote, and the guest met no error', out)

    def digest(self, dev='/dev/vda'):
        """What the guest sees, past its caches."""
        return self.sh('dd if=%s bs=256k iflag=direct 2>/dev/null | md5sum' % dev, 300)[1].split()[0]

    def fio(self, *options, dev='/dev/vda', seconds=120):
        """One run; fio's terse fields."""
        status, out = self.sh('fio --name=m --filename=%s --direct=1 --thread --ioengine=libaio --output-format=terse --terse-version=3 %s 2>&1' % (dev, ' '.join(options)), seconds)
        fields = [l for l in out.splitlines() if l.startswith('3;')]
        return fields[0].split(';') if status == 0 and fields else []


def digest(image, fmt='raw'):
    """What an image (or an export) holds."""
    status, out = run('/usr/bin/qemu-img', 'convert', '-U', '-f', fmt, '-O', 'raw', image, 'digest.raw')
    if status:
        return out
    with open('digest.raw', 'rb') as f:
        sum_ = hashlib.file_digest(f, 'md5').hexdigest() if hasattr(hashlib, 'file_digest') else hashlib.md5(f.read()).hexdigest()
    os.remove('digest.raw')
    return sum_
