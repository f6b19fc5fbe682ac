# SPDX-License-Identifier: GPL-2.0-or-later
"""A whole machine's disk: the monitor's commands change it, its server is killed after each, the supervisor starts it again."""
import re
import select
from common import *

create('d.qcow2', 'qcow2', '64M')
run('qemu-io', '-f', 'qcow2', '-c', 'write -P 7 0 1M', 'd.qcow2')
os.mkdir('sub')
env = dict(os.environ, PATH=BUILD + '/bin:' + os.environ['PATH'], XDG_RUNTIME_DIR=DIR)
vm = subprocess.Popen([BUILD + '/bin/qemu-system-x86_64', '-name', 'nbdm', '-m', '32', '-display', 'none', '-S', '-drive', 'file=d.qcow2,if=virtio,id=hd',
                       '-monitor', 'stdio'], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env)
text = ''


def until(pattern, seconds=60):
    """Reads the monitor until the pattern is there; what came."""
    global text
    end = time.time() + seconds
    while not re.search(pattern, text):
        if not select.select([vm.stdout], [], [], max(0, end - time.time()))[0]:
            break
        got = os.read(vm.stdout.fileno(), 65536).decode(errors='replace')
        if not got:
            break
        text += got
    out, text = text, ''
    return out


def say(command):
    vm.stdin.write((command + '\n').encode())
    vm.stdin.flush()
    return until(r'\(qemu\) $')


def settled():
    """The monitor has found the new server."""
    for _ in range(100):
        if 'qcow2' in say('info block hd'):
            return True
        time.sleep(.1)
    return False


def kill():
    """The disk's server, as it calls itself."""
    for p in os.listdir('/proc'):
        try:
            words = open('/proc/%s/cmdline' % p, 'rb').read().decode(errors='replace').split('\0')
            mine = '--id' in words and words[words.index('--id') + 1] == 'hd' and any(DIR in w for w in words)
            if mine and open('/proc/%s/comm' % p).read().strip() == 'emu-nbd':
                os.kill(int(p), signal.SIGKILL)
                return 'started again' in until('started again') and settled()
        except OSError:
            pass
    return False


ok('(qemu)' in until(r'\(qemu\) $'), 'a machine with a disk', text)
out = say('snapshot_blkdev hd %s/sub/over.qcow2' % DIR)
ok('rror' not in out and 'not' not in out, 'a snapshot in another folder', out)
ok(kill(), 'its server is killed and started again')
out = say('info block hd')
ok('sub/over.qcow2' in out and 'd.qcow2 (chain depth: 1)' in out, 'the snapshot is the disk', out)
say('block_resize hd 96M')
# (Three deaths in ten seconds would end the attempts.)
out = say('drive_mirror -f hd %s/m.qcow2 qcow2' % DIR)
for _ in range(100):
    out = say('info block-jobs')
    if 'ompleted' in out or 'ready' in out.lower():
        break
    time.sleep(.1)
ok('mirror' in out.lower(), 'a mirror runs', out)
ok(kill(), 'killed in the middle of it')
for _ in range(200):
    out = say('block_job_complete hd')
    if 'cannot be completed' not in out:
        break
    time.sleep(.05)
for _ in range(100):
    out = say('info block hd')
    if 'm.qcow2' in out:
        break
    time.sleep(.1)
ok('m.qcow2' in out, 'it goes on, and its target becomes the disk', out)
vm.stdin.write(b'quit\n')
vm.stdin.flush()
vm.stdin.close()
ok(vm.wait(timeout=60) is not None, 'the machine ends')
status, out = run('/usr/bin/qemu-img', 'info', 'm.qcow2')
ok('96 MiB' in out, 'the image has the new size', out)
status, out = run('qemu-io', '-f', 'qcow2', '-c', 'read -P 7 0 1M', '-c', 'read -P 0 1M 90M', 'm.qcow2')
ok(status == 0 and 'failed' not in out, 'and the data', out)
finish()
