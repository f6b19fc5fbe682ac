# SPDX-License-Identifier: GPL-2.0-or-later
"""Block jobs and snapshots of emu-nbd, with a client that writes meanwhile."""
import threading
from common import *

SIZE = 24 << 20


def chain(n, fmt='qcow2'):
    """base.raw <- l1 <- ... <- ln, with data in each; returns a model of what the top shows."""
    for f in os.listdir('.'):
        if f.startswith(('base', 'l', 'model', 'target', 'snap')) and not f.endswith('.err'):
            os.remove(f)
    fill('base.raw', SIZE, n)
    shutil.copy('base.raw', 'model')
    m = Model('model', n)
    below, below_fmt = 'base.raw', 'raw'
    for i in range(1, n + 1):
        create('l%d' % i, fmt, None, '-b', DIR + '/' + below, '-F', below_fmt)
        w = [x for x in m.writes(40) if x[0] != 'discard']
        args = []
        for kind, pattern, at, length in w:
            args += ['-c', '%s %d %d' % ('write -P %d' % pattern if kind == 'write' else 'write -z', at, length)]
        run('qemu-io', '-f', fmt, *args, 'l%d' % i)
        m.apply(w)
        below, below_fmt = 'l%d' % i, fmt
    return m


def check(name, what):
    status, out = run('/usr/bin/qemu-img', 'check', name)
    ok(status == 0, what + ': the image is clean', out)


def same(m, image, fmt, text):
    good_, out = m.same(image, fmt)
    return ok(good_, text, out)


def backing(name):
    return json.loads(run('/usr/bin/qemu-img', 'info', '-U', '--output=json', name)[1]).get('full-backing-filename')


def passed(c, name, size=None):
    """A new file that the server may use by this name."""
    fd = os.open(name, os.O_RDWR | os.O_CREAT)
    c('add-fd', fds=[fd], path=DIR + '/' + name)
    os.close(fd)
    return DIR + '/' + name


# ---- stream ----
m = chain(3)
s = Server('--id', 'd', '-f', 'qcow2', 'l3')
c = s.ctl
m.start(s, 300)
c('block-stream', device='d', base=DIR + '/l1')
e = c.wait('BLOCK_JOB_COMPLETED')['data']
ok(e['type'] == 'stream' and e['len'] == e['offset'] == SIZE and 'error' not in e, 'stream to a base completes', e)
m.finish()
same(m, s.uri(), 'raw', 'with a client that writes meanwhile')
equal(backing('l3'), DIR + '/l1', 'and leaves the base as backing file')
c('block-stream', device='d', speed=65536)
e = c('query-block-jobs')
ok(len(e) == 1 and e[0]['type'] == 'stream' and e[0]['speed'] == 65536 and not e[0]['ready'], 'query-block-jobs shows it', e)
ok('busy' in c.refused('block-commit', device='d') and 'busy' in c.refused('blockdev-snapshot-sync', device='d', **{'snapshot-file': 'x'}), 'one job at a time')
c('block-job-pause', device='d')
for _ in range(100):
    e = c('query-block-jobs')[0]
    if e['status'] == 'paused':
        break
    time.sleep(.1)
ok(e['paused'] and e['status'] == 'paused' and not e['busy'], 'it pauses', e)
ok('paused' in c.refused('block-job-cancel', device='d'), 'a paused job is not cancelled without force')
c('block-job-resume', device='d')
c('block-job-cancel', device='d')
equal(c.wait('BLOCK_JOB_CANCELLED')['data']['type'], 'stream', 'a slow one is cancelled half-way')
same(m, s.uri(), 'raw', 'which changes nothing the guest sees')
ok('not found' in c.refused('block-job-cancel', device='d'), 'it is gone then')
c('block-stream', device='d', speed=65536)
c('block-job-set-speed', device='d', speed=0)
c.wait('BLOCK_JOB_COMPLETED')
equal(backing('l3'), None, 'streamed whole it stands alone')
equal(s.quit(), 0, 'the server ends')
same(m, 'l3', 'qcow2', 'and so does its file')
check('l3', 'stream')

# ---- a backing image whose table cannot be read, and a job that is to go on all the same ----
chain(3)
with open('l2', 'r+b') as f:
    f.seek(40)
    l1 = int.from_bytes(f.read(8), 'big')
    f.seek(l1)
    entry = int.from_bytes(f.read(8), 'big')
    f.seek(l1)
    f.write((entry | 0x200).to_bytes(8, 'big'))
s = Server('--id', 'd', '-f', 'qcow2', 'l3', name='torn')
c = s.ctl
c('block-commit', device='d', top=DIR + '/l2', base=DIR + '/l1', **{'on-error': 'ignore'})
c.wait('BLOCK_JOB_ERROR')
e = c.wait('BLOCK_JOB_COMPLETED', timeout=20)['data']
ok(e['offset'] == SIZE, 'a job that ignores errors passes what it cannot even measure', e)
s.quit()

# ---- commit ----
m = chain(4)
s = Server('--id', 'd', '-f', 'qcow2', 'l4')
c = s.ctl
m.start(s, 200)
c('block-commit', device='d', top=DIR + '/l3', base=DIR + '/l1')
e = c.wait('BLOCK_JOB_COMPLETED')['data']
ok(e['type'] == 'commit' and 'error' not in e, 'commit of images below the top completes', e)
m.finish()
same(m, s.uri(), 'raw', 'the guest sees no difference')
equal(backing('l4'), DIR + '/l1', 'the top is backed by the base then')
m.start(s, 300)
c('block-commit', device='d', speed=8 << 20)
e = c.wait('BLOCK_JOB_READY')['data']
m.finish()
ok('not found' in c.refused('block-job-complete', device='nix'), 'unknown jobs are refused')
c('block-job-complete', device='d')
e = c.wait('BLOCK_JOB_COMPLETED')['data']
ok(e['type'] == 'commit' and 'error' not in e, 'commit of the root itself', e)
equal(c('query-block')[0]['inserted']['file'], DIR + '/base.raw', 'pivots to the base')
m.start(s, 50)
m.finish()
same(m, s.uri(), 'raw', 'which is written from then on')
equal(s.quit(), 0, 'the server ends')
same(m, 'base.raw', 'raw', 'and the base has it all')

# ---- mirror ----
m = chain(1)
s = Server('--id', 'd', '-f', 'qcow2', 'l1')
c = s.ctl
m.start(s, 600)
t = passed(c, 'target')
c('drive-mirror', device='d', target=t, sync='full', format='qcow2')
e = c.wait('BLOCK_JOB_READY')['data']
ok(e['type'] == 'mirror' and e['device'] == 'd', 'a full mirror becomes ready', e)
m.finish()
c('block-job-complete', device='d')
e = c.wait('BLOCK_JOB_COMPLETED')['data']
ok('error' not in e, 'and completes', e)
equal(c('query-block')[0]['inserted']['file'], t, 'the target is the disk')
m.start(s, 50)
m.finish()
same(m, s.uri(), 'raw', 'with the same contents')
t2 = passed(c, 'target2')
os.truncate('target2', SIZE)
with open('target2', 'r+b') as f:
    f.write(b'old' * 100000)
c('drive-mirror', device='d', target=t2, sync='full', format='raw', mode='existing', granularity=65536)
c.wait('BLOCK_JOB_READY')
m.start(s, 100)
m.finish()
c('block-job-cancel', device='d')
e = c.wait('BLOCK_JOB_COMPLETED|BLOCK_JOB_CANCELLED')
equal(e['event'], 'BLOCK_JOB_COMPLETED', 'a ready mirror that is cancelled leaves a copy')
same(m, 'target2', 'raw', 'of the disk at that moment')
c('drive-mirror', device='d', target=t2, sync='full', format='raw', mode='existing', speed=65536)
c('block-job-cancel', device='d')
equal(c.wait('BLOCK_JOB_COMPLETED|BLOCK_JOB_CANCELLED')['event'], 'BLOCK_JOB_CANCELLED', 'half-way it is cancelled')
same(m, s.uri(), 'raw', 'and the disk is as it was')
ok('different sizes' in c.refused('blockdev-mirror', device='d', target='x', sync='full') or 'Cannot find' in c.refused('blockdev-mirror', device='d', target='x', sync='full'),
   'an unknown target is refused')
equal(s.quit(), 0, 'the server ends')
check('target', 'mirror')
same(m, 'target', 'qcow2', 'the file has everything')

# top: an overlay of the same base
m = chain(2)
s = Server('--id', 'd', '-f', 'qcow2', 'l2')
c = s.ctl
c('drive-mirror', device='d', target=passed(c, 'target'), sync='top', format='qcow2')
c.wait('BLOCK_JOB_READY')
m.start(s, 100)
m.finish()
c('block-job-complete', device='d')
ok('error' not in c.wait('BLOCK_JOB_COMPLETED')['data'], 'a mirror of the top layer')
equal(backing('target'), DIR + '/l1', 'has the source\'s backing file')
same(m, s.uri(), 'raw', 'and the same contents')
s.quit()
same(m, 'target', 'qcow2', 'in its file too')
# none: what is written from now on
m = chain(1)
s = Server('--id', 'd', '-f', 'qcow2', 'l1')
c = s.ctl
c('drive-mirror', device='d', target=passed(c, 'target'), sync='none', format='qcow2')
c.wait('BLOCK_JOB_READY')
m.start(s, 50)
m.finish()
c('block-job-complete', device='d')
ok('error' not in c.wait('BLOCK_JOB_COMPLETED')['data'], 'a mirror of new writes only')
same(m, s.uri(), 'raw', 'reads the rest from its source')
s.quit()
same(m, 'target', 'qcow2', 'in its file too')

# ---- jobs that end when their user says so ----
m = chain(2)
s = Server('--id', 'd', '-f', 'qcow2', 'l2')
c = s.ctl
c('block-stream', device='d', **{'job-id': 'j', 'auto-finalize': False, 'auto-dismiss': False})
equal(c.wait('BLOCK_JOB_PENDING')['data'], {'type': 'stream', 'id': 'j'}, 'with auto-finalize off a job waits at its end')
ok('busy' in c.refused('block-stream', device='d'), 'and the disk with it')
equal(c('query-block-jobs')[0]['status'], 'pending', 'it is pending')
equal(backing('l2'), DIR + '/l1', 'and nothing has changed')
c('block-job-finalize', id='j')
c.wait('BLOCK_JOB_COMPLETED')
equal(backing('l2'), None, 'until it is finalized')
equal(c('query-block-jobs')[0]['status'], 'concluded', 'with auto-dismiss off it stays')
ok('concluded' in c.refused('block-job-pause', device='j'), 'to be looked at only')
c('block-job-dismiss', id='j')
time.sleep(.2)
equal(c('query-block-jobs'), [], 'until it is dismissed')
same(m, s.uri(), 'raw', 'the disk is the same')
s.quit()

# ---- errors of a target ----
if has('nbdkit'):
    m = chain(1)
    open('fail', 'w').close()
    kit = subprocess.Popen(['nbdkit', '-f', '-U', DIR + '/kite', '--filter=error', 'memory', str(SIZE), 'error-pwrite=ENOSPC', 'error-pwrite-rate=100%',
                            'error-file=' + DIR + '/fail'], stderr=subprocess.DEVNULL)
    while not os.path.exists('kite'):
        time.sleep(.02)
    s = Server('--id', 'd', '-f', 'qcow2', '--sandbox=off', 'l1')
    c = s.ctl
    bad = 'nbd+unix:///?socket=' + DIR + '/kite'
    c('drive-backup', device='d', target=bad, sync='full', format='raw', mode='existing')
    e = c.wait('BLOCK_JOB_COMPLETED')['data']
    ok('No space' in e.get('error', ''), 'an error of the target ends a job, and is reported', e)
    equal(c.wait('BLOCK_JOB_ERROR')['data'], {'device': 'd', 'operation': 'write', 'action': 'report'}, 'with an event')
    c('drive-mirror', device='d', target=bad, sync='full', format='raw', mode='existing', **{'on-target-error': 'enospc'})
    equal(c.wait('BLOCK_JOB_ERROR')['data']['action'], 'stop', 'or stops it')
    for _ in range(50):
        j = c('query-block-jobs')[0]
        if j['status'] == 'paused':
            break
        time.sleep(.05)
    equal((j['status'], j['io-status']), ('paused', 'nospace'), 'and says why')
    os.remove('fail')
    c('block-job-resume', device='d')
    c.wait('BLOCK_JOB_READY')
    m.start(s, 20)
    m.finish()
    c('block-job-cancel', device='d')
    c.wait('BLOCK_JOB_COMPLETED')
    same(m, bad, 'raw', 'until there is space again')
    s.quit()
    kit.kill()

# ---- a mirror to another server ----
if has('nbdkit'):
    m = chain(1)
    kit = subprocess.Popen(['nbdkit', '-f', '-U', DIR + '/kit', 'memory', str(SIZE)], stderr=subprocess.DEVNULL)
    while not os.path.exists('kit'):
        time.sleep(.02)
    s = Server('--id', 'd', '-f', 'qcow2', '--sandbox=off', 'l1')
    c = s.ctl
    c('drive-mirror', device='d', target='nbd+unix:///?socket=' + DIR + '/kit', sync='full', format='raw', mode='existing')
    c.wait('BLOCK_JOB_READY')
    m.start(s, 100)
    m.finish()
    c('block-job-cancel', device='d')
    c.wait('BLOCK_JOB_COMPLETED')
    same(m, 'nbd+unix:///?socket=' + DIR + '/kit', 'raw', 'a mirror to an NBD server')
    s.quit()
    kit.kill()
else:
    skip('a mirror to an NBD server', 'no nbdkit here')

# ---- backup ----
m = chain(1)
s = Server('--id', 'd', '-f', 'qcow2', 'l1')
c = s.ctl
shutil.copy('model', 'model.then')
then = Model('model.then')
c('drive-backup', device='d', target=passed(c, 'target'), sync='full', format='qcow2', speed=24 << 20)
m.start(s, 300)
m.finish()
e = c.wait('BLOCK_JOB_COMPLETED')['data']
ok(e['type'] == 'backup' and 'error' not in e, 'a backup completes', e)
same(then, 'target', 'qcow2', 'and is the disk when it began')
same(m, s.uri(), 'raw', 'while the disk went on')
c('drive-backup', device='d', target=passed(c, 'target3'), sync='full', format='qcow2', compress=True)
e = c.wait('BLOCK_JOB_COMPLETED')['data']
ok('error' not in e, 'a compressed backup completes', e)
same(m, 'target3', 'qcow2', 'and has the data')
check('target3', 'compressed backup')
ok(os.stat('target3').st_blocks < os.stat('target').st_blocks * 3 // 4, 'in less space')
# incremental: a full one and the bitmap at the same moment
c('transaction', actions=[{'type': 'block-dirty-bitmap-add', 'data': {'node': 'd', 'name': 'b0', 'granularity': 65536}},
                          {'type': 'drive-backup', 'data': {'device': 'd', 'target': passed(c, 'target4'), 'sync': 'full', 'format': 'raw'}}])
m.start(s, 60)
m.finish()
c.wait('BLOCK_JOB_COMPLETED')
b = c('query-block')[0]['dirty-bitmaps'][0]
ok(b['name'] == 'b0' and 0 < b['count'] < SIZE and b['status'] == 'active', 'a bitmap counts what is written', b)
before = b['count']
c('drive-backup', device='d', target=passed(c, 'target4'), sync='incremental', bitmap='b0', format='raw', mode='existing', speed=65536)
ok('use' in c.refused('block-dirty-bitmap-clear', node='d', name='b0'), 'a bitmap in use is left alone')
m.start(s, 5)
m.finish()
c('block-job-cancel', device='d')
c.wait('BLOCK_JOB_CANCELLED')
ok(c('query-block')[0]['dirty-bitmaps'][0]['count'] >= before, 'a cancelled incremental backup gives its bits back')
c('drive-backup', device='d', target=passed(c, 'target4'), sync='incremental', bitmap='b0', format='raw', mode='existing')
e = c.wait('BLOCK_JOB_COMPLETED')['data']
ok('error' not in e and e['len'] < SIZE, 'an incremental backup copies what changed', e)
same(m, 'target4', 'raw', 'and makes the first one current')
equal(c('query-block')[0]['dirty-bitmaps'][0]['count'], 0, 'its bitmap begins anew')
c('block-dirty-bitmap-disable', node='d', name='b0')
m.start(s, 5)
m.finish()
equal(c('query-block')[0]['dirty-bitmaps'][0]['count'], 0, 'a disabled bitmap counts nothing')
c('block-dirty-bitmap-remove', node='d', name='b0')
ok('dirty-bitmaps' not in c('query-block')[0], 'and a removed one is gone')

# ---- snapshots ----
shutil.copy('model', 'model.snap')
c('blockdev-snapshot-sync', device='d', **{'snapshot-file': passed(c, 'snap1'), 'snapshot-node-name': 's1'})
m.start(s, 100)
m.finish()
equal(backing('snap1'), DIR + '/l1', 'an external snapshot is an overlay, and names its base so that it can lie anywhere')
same(Model('model.snap'), 'l1', 'qcow2', 'and what is below stays as it was')
same(m, s.uri(), 'raw', 'while the disk goes on')
c('blockdev-snapshot-internal-sync', device='d', name='inside')
m.start(s, 10)
m.finish()
ok('exists' in c.refused('blockdev-snapshot-internal-sync', device='d', name='inside'), 'an internal snapshot has its name alone')
equal(c('blockdev-snapshot-delete-internal-sync', device='d', name='inside')['name'], 'inside', 'and is deleted')
nodes = len(c('query-named-block-nodes'))
ok('aborted' in c.refused('transaction', actions=[{'type': 'blockdev-snapshot-sync', 'data': {'device': 'd', 'snapshot-file': passed(c, 'snap2')}},
                                                  {'type': 'block-dirty-bitmap-add', 'data': {'node': 'd', 'name': 'x'}}, {'type': 'abort', 'data': {}}]),
   'a transaction fails as a whole')
ok(len(c('query-named-block-nodes')) == nodes and c('query-block')[0]['inserted']['node-name'] == 's1', 'and leaves nothing behind')
m.start(s, 20)
m.finish()
c('block-commit', device='d')
c.wait('BLOCK_JOB_READY')
c('block-job-complete', device='d')
ok('error' not in c.wait('BLOCK_JOB_COMPLETED')['data'], 'the snapshot is committed back')
same(m, s.uri(), 'raw', 'with everything')
# the classic "commit": the overlay is emptied, not replaced
c('blockdev-snapshot-sync', device='d', **{'snapshot-file': passed(c, 'snap3')})
m.start(s, 60)
c('block-commit', device='d', **{'x-empty': True})
ok('error' not in c.wait('BLOCK_JOB_COMPLETED')['data'], 'a commit that empties the overlay')
m.finish()
equal(c('query-block')[0]['inserted']['file'], DIR + '/snap3', 'leaves it where it is')
same(m, s.uri(), 'raw', 'with everything')
# a client that never pauses, and jobs slower than it
bench = subprocess.Popen(['qemu-io', '-f', 'raw', s.uri()], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def keep_writing():
    r = random.Random(5)
    try:
        while True:
            bench.stdin.write(''.join('aio_write -q -P %d %d 4k\n' % (r.randrange(1, 256), r.randrange(256) << 12) for _ in range(50)) + 'aio_flush\n')
    except (OSError, ValueError):
        pass


threading.Thread(target=keep_writing, daemon=True).start()
c('block-commit', device='d', speed=256 << 10, **{'x-empty': True})
ok('error' not in c.wait('BLOCK_JOB_COMPLETED')['data'], 'a commit that empties the overlay ends although writes come faster than it copies')
c('drive-mirror', device='d', target=passed(c, 'chased'), sync='top', format='qcow2', speed=256 << 10)
c.wait('BLOCK_JOB_READY')
c('block-job-cancel', device='d')
ok('error' not in c.wait('BLOCK_JOB_COMPLETED|BLOCK_JOB_CANCELLED')['data'], 'so does a mirror become ready and end')
ok(bench.poll() is None, 'the client writes on')
bench.kill()
bench.wait()
run('/usr/bin/qemu-img', 'convert', '-f', 'raw', '-O', 'raw', s.uri(), 'model')
# a whole machine's snapshot: state in, other writes, state out
state = os.urandom(3 << 20) + b'end'
open('state.in', 'wb').write(state)
shutil.copy('model', 'model.then')
fd = os.open('state.in', os.O_RDONLY)
r = c('x-snapshot-save', fds=[fd], device='d', name='vm1', **{'vm-clock-nsec': 5000000000})
os.close(fd)
equal(r['vm-state-size'], len(state), 'a machine\'s state is kept in the image')
m.start(s, 40)
m.finish()
c('x-snapshot-save', device='d', name='vm2')
fd = os.open('state.out', os.O_RDWR | os.O_CREAT)
r = c('x-snapshot-load', fds=[fd], device='d', name='vm1')
os.close(fd)
ok(open('state.out', 'rb').read() == state and r['vm-clock-nsec'] == 5000000000, 'and comes out again')
shutil.copy('model.then', 'model')
same(m, s.uri(), 'raw', 'with the disk as it was then')
ok('requested' in c.refused('x-snapshot-load', device='d', name='nix'), 'an unknown snapshot is refused')
equal(s.quit(), 0, 'the server ends')
status, out = run('/usr/bin/qemu-img', 'snapshot', '-l', 'snap3')
ok('vm1' in out and '3 MiB' in out and '00:00:05.000' in out, 'the peer lists it', out)
check('snap3', 'snapshots')
check('l1', 'commit')
equal(open('s.err').read(), '', 'no server complained')
finish()
