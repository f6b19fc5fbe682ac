# SPDX-License-Identifier: GPL-2.0-or-later
"""Persistent dirty bitmaps: kept in qcow2, read by the peer's tools and the other way round, kept through kills."""
from common import *

SIZE = 64 << 20


def bitmaps(name):
    d = json.loads(run('/usr/bin/qemu-img', 'info', '-U', '--output=json', name)[1])
    return {b['name']: sorted(b['flags']) for b in d['format-specific']['data'].get('bitmaps', [])}


def dirty_map(name, bitmap):
    """What the peer's tools read from the image's copy."""
    q = subprocess.Popen(['/usr/bin/qemu-nbd', '-r', '-t', '-f', 'qcow2', '-B', bitmap, '-k', DIR + '/q', name])
    for _ in range(200):
        if os.path.exists('q'):
            break
        time.sleep(.02)
    out = run('/usr/bin/qemu-img', 'map', '--output=json', '--image-opts', 'driver=nbd,server.type=unix,server.path=%s/q,x-dirty-bitmap=qemu:dirty-bitmap:%s' % (DIR, bitmap))[1]
    q.terminate()
    q.wait()
    if os.path.exists('q'):
        os.remove('q')
    return [(x['start'], x['length']) for x in json.loads(out) if not x['data']]


def clean(name, text, killed=False):
    """A kill may leave what was reserved and not used."""
    status, out = run('/usr/bin/qemu-img', 'check', name)
    ok(status in ((0, 3) if killed else (0,)), text + ': the image is ' + ('consistent' if killed else 'clean'), out)
    run('/usr/bin/qemu-img', 'check', '-q', '-r', 'leaks', name)


create('a.qcow2', 'qcow2', '64M')
s = Server('--id', 'd', '-f', 'qcow2', 'a.qcow2')
c = s.ctl
c('block-dirty-bitmap-add', node='d', name='b', persistent=True)
c('block-dirty-bitmap-add', node='d', name='off', persistent=True, disabled=True, granularity=4096)
c('block-dirty-bitmap-add', node='d', name='temp')
io(s, 'write -P 1 1M 128k', 'write -P 2 63M 1M')
c('nbd-server-add', device='d', name='withmap', bitmap='b')
status, out = run('nbdinfo', '--map=qemu:dirty-bitmap:b', s.uri('withmap'))
equal([l.split()[:3] for l in out.splitlines()], [['0', '1048576', '0'], ['1048576', '131072', '1'], ['1179648', '64880640', '0'], ['66060288', '1048576', '1']],
      'clients see a bitmap as qemu:dirty-bitmap')
equal(s.quit(), 0, 'the server ends')
equal(bitmaps('a.qcow2'), {'b': ['auto'], 'off': []}, 'persistent bitmaps are in the image')
equal(dirty_map('a.qcow2', 'b'), [(1 << 20, 128 << 10), (63 << 20, 1 << 20)], 'the peer reads their bits')
clean('a.qcow2', 'stored')
s = Server('--id', 'd', '-f', 'qcow2', 'a.qcow2')
c = s.ctl
b = {x['name']: x for x in c('query-block')[0]['dirty-bitmaps']}
equal({n: (x['count'], x['status'], x['persistent']) for n, x in b.items()}, {'b': ((1 << 20) + (128 << 10), 'active', True), 'off': (0, 'disabled', True)},
      'they are there when it is opened again')
io(s, 'write -P 3 8M 64k')
equal(bitmaps('a.qcow2')['b'], ['auto', 'in-use'], 'while it is written, the image says that its copy is in use')
s.kill()
s = Server('--id', 'd', '-f', 'qcow2', 'a.qcow2')
c = s.ctl
equal({x['name']: x['status'] for x in c('query-block')[0]['dirty-bitmaps']}['b'], 'inconsistent', 'after a kill without a state file the copy counts for nothing')
c('block-dirty-bitmap-remove', node='d', name='b')
s.quit()
equal(bitmaps('a.qcow2'), {'off': []}, 'and can be removed')
clean('a.qcow2', 'removed', True)

# with a state file it goes on
s = Server('--id', 'd', '--state', DIR + '/st', '-f', 'qcow2', 'a.qcow2')
c = s.ctl
c('block-dirty-bitmap-add', node='d', name='k', persistent=True)
io(s, 'write -P 4 16M 64k')
s.restart()
c = s.ctl
io(s, 'write -P 5 20M 64k')
s.quit()
equal(dirty_map('a.qcow2', 'k'), [(16 << 20, 65536), (20 << 20, 65536)], 'with a state file a kill loses no bit')
clean('a.qcow2', 'killed', True)

# the peer's bitmaps
run('/usr/bin/qemu-img', 'bitmap', '--add', 'a.qcow2', 'p')
run('qemu-io', '-f', 'qcow2', '-c', 'write 30M 64k', 'a.qcow2')
shutil.copy('a.qcow2', 'b.qcow2')
s = Server('-f', 'qcow2', 'b.qcow2')
io(s, 'write 40M 64k')
s.quit()
equal(dirty_map('b.qcow2', 'p'), [(30 << 20, 65536), (40 << 20, 65536)], 'a bitmap that the peer made is kept up to date')
clean('b.qcow2', 'the peer\'s')
equal(s.errors(), '', 'no server complained')
finish()
