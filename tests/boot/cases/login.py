# SPDX-License-Identifier: GPL-2.0-or-later
# The classic command line with a Debian on qcow2 that was made without root: a login on the terminal, ssh in through a forward, the monitor by Ctrl-a c and
# back, system_powerdown to status 0; the same in the background, with emu-mon attached. The card is the default one (e1000).
import fcntl
import glob
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

CARD = 'user,hostfwd=tcp:127.0.0.1:0-:22'
KEYS = ['-o', 'BatchMode=yes', '-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null', '-o', 'LogLevel=ERROR', '-o', 'PreferredAuthentications=none']


class Terminal:
    """A program on a pseudo-terminal that is its controlling one."""
    def __init__(self, t, command, env):
        self.patience, self.text = float(os.environ.get('BOOT_PATIENCE', '1')), ''
        self.started = time.monotonic()
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack('HHHH', 24, 120, 0, 0))
        self.before = termios.tcgetattr(slave)
        self.m, self.slave = master, slave
        self.p = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=env, start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        t.children.append(self.p)

    def pump(self, seconds):
        if not select.select([self.m], [], [], seconds)[0]:
            return
        self.text += re.sub(r'\x1b(\[[0-9;?=]*[ -/]*[@-~]|\][^\x07]*\x07|[()][0-9A-Za-z]|[=>78c])|[\r\x00\x0f\x0e]', '', os.read(self.m, 65536).decode('utf-8', 'replace'))

    def expect(self, pattern, seconds):
        end = time.monotonic() + seconds * self.patience
        while True:
            m = re.search(pattern, self.text, re.M)
            if m:
                self.text = self.text[m.end():]
                return m
            if self.p.poll() is not None or time.monotonic() > end:
                raise RuntimeError('no %r; the terminal showed last: %r' % (pattern, self.text[-800:]))
            self.pump(0.5)

    def send(self, text):
        os.write(self.m, text.encode())

    def wait(self, seconds):
        end = time.monotonic() + seconds * self.patience
        while self.p.poll() is None and time.monotonic() < end:
            self.pump(0.2)
        return self.p.poll()

    def passed(self):
        return time.monotonic() - self.started


def ssh(port, command, data=b'', patience=1):
    p = subprocess.run(['ssh', *KEYS, '-p', str(port), 'root@127.0.0.1', command], input=data, capture_output=True, timeout=300 * patience)
    return p.returncode, p.stdout, p.stderr


def ssh_works(t, port, patience, what):
    """Commands, their status, and bytes each way."""
    end = time.monotonic() + 300 * patience
    while True: # the server may still be starting
        status, out, err = ssh(port, 'echo $(hostname) $(id -un); exit 7', patience=patience)
        if status != 255 or time.monotonic() > end:
            break
        time.sleep(1)
    t.ok(status == 7 and out == b'emutest root\n', what + 'ssh comes in through the forward', (status, out, err))
    data = os.urandom(2 << 20)
    status, out, err = ssh(port, 'cat', data, patience)
    t.ok(status == 0 and out == data, what + '2 MiB go there and back', (status, len(out), err))


def forward(text):
    m = re.search(r'TCP\[HOST_FORWARD\]\s+\d+\s+127\.0\.0\.1\s+(\d+)', text)
    return int(m.group(1)) if m else 0


def run(t):
    t.tool('ssh', 'openssh-client')
    patience = float(os.environ.get('BOOT_PATIENCE', '1'))
    try:
        image = t.run(t.top + '/tests/boot/debian-image', t.cache, t.build + '/bin/emu-img', 'login', '1600', '-', 'linux-image-amd64', 'openssh-server', 'dbus').strip()
    except Exception as e:
        t.skip(str(e))
    disk, runs = t.dir + '/debian.qcow2', t.dir + '/run'
    t.run(t.build + '/bin/emu-img', 'create', '-q', '-f', 'qcow2', '-b', image, '-F', 'qcow2', disk)
    os.mkdir(runs, 0o700)
    env = dict(os.environ, XDG_RUNTIME_DIR=runs, TERM='vt100')
    qemu = t.build + '/bin/qemu-system-x86_64'

    # ---- on the terminal ----
    m = Terminal(t, [qemu, '-m', '512', '-drive', 'file=%s,if=virtio' % disk, '-nic', CARD, '-nographic'], env)
    m.expect('emutest login: ', 400)
    login = m.passed()
    m.send('root\r')
    m.expect(r'root@emutest:~# ', 120)
    t.ok(True, 'a login on the terminal, %.1f s after the start' % login)
    m.send('\x01c')
    m.expect(r'\(qemu\) ', 30)
    m.send('info usernet\r')
    port = forward(m.expect(r'info usernet([\s\S]*?)\(qemu\) ', 30).group(1))
    t.ok(port, 'Ctrl-a c: the monitor tells the forward\'s port')
    m.send('\x01c')
    m.send('stty -echo; echo back =a"t"= the shell\r')
    m.expect(r'^back =at= the shell', 60)
    t.ok(True, 'and back to the shell')
    ssh_works(t, port, patience, '')
    m.send('\x01c')
    m.send('system_powerdown\r')
    m.expect(r'\(qemu\) system_powerdown', 30)
    asked = time.monotonic()
    status = m.wait(200)
    t.ok(status == 0, 'system_powerdown ends the machine with status 0, %.1f s later' % (time.monotonic() - asked), (status, m.text[-500:]))
    t.ok(termios.tcgetattr(m.slave) == m.before, 'the terminal is as it was')
    t.ok(not os.listdir(runs + '/emu'), 'nothing is left', os.listdir(runs + '/emu'))
    t.ok('No errors' in t.run(t.build + '/bin/emu-img', 'check', '-f', 'qcow2', disk), 'the image is consistent')

    # ---- in the background ----
    started = time.monotonic()
    p = subprocess.run([qemu, '-name', 'back', '-m', '512', '-drive', 'file=%s,if=virtio' % disk, '-nic', CARD, '-display', 'none', '-serial', 'file:%s/console' % t.dir, '-daemonize',
                        '-pidfile', t.dir + '/pid'], stdin=subprocess.DEVNULL, capture_output=True, text=True, env=env, timeout=120 * patience)
    t.ok(p.returncode == 0, '-daemonize comes back, %.2f s after the start' % (time.monotonic() - started), p.stderr)
    pid = int(open(t.dir + '/pid').read())

    def monitor(*commands):
        return subprocess.run([t.build + '/bin/emu-mon', 'back', *commands], stdin=subprocess.DEVNULL, capture_output=True, text=True, env=env, timeout=60 * patience)
    try:
        got = monitor('info status', 'info usernet')
        port = forward(got.stdout)
        t.ok(got.returncode == 0 and 'VM status: running' in got.stdout and port, 'emu-mon attaches', got)
        while 'login: ' not in open(t.dir + '/console', errors='replace').read() and time.monotonic() - started < 400 * patience:
            time.sleep(0.5)
        print('# login after %.1f s' % (time.monotonic() - started), flush=True)
        ssh_works(t, port, patience, '-daemonize: ')
        asked = time.monotonic()
        got = monitor('system_powerdown')
        while os.path.exists('/proc/%d' % pid) and time.monotonic() - asked < 200 * patience:
            time.sleep(0.1)
        t.ok(got.returncode == 0 and not os.path.exists('/proc/%d' % pid), 'emu-mon\'s system_powerdown ends it, %.1f s later' % (time.monotonic() - asked), got)
        t.ok(not os.listdir(runs + '/emu') and not os.path.exists(t.dir + '/pid'), 'nothing is left of it', os.listdir(runs + '/emu'))
    finally:
        if os.path.exists('/proc/%d' % pid) and glob.glob(runs + '/emu/*'):
            os.kill(pid, signal.SIGTERM)
    t.ok('No errors' in t.run(t.build + '/bin/emu-img', 'check', '-f', 'qcow2', disk), 'the image is consistent again')
