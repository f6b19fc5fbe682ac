# SPDX-License-Identifier: GPL-2.0-or-later
"""A server that is killed with SIGKILL at any moment continues from its state file; a client that connects again sees delay only.

ROUNDS: kills, 30 if not set; SEED."""
from common import *

ROUNDS, SEED = int(os.environ.get('ROUNDS', 30)), int(os.environ.get('SEED', time.time()))
SIZE = 16 << 20
rng = random.Random(SEED)
print('# SEED=%d ROUNDS=%d' % (SEED, ROUNDS))


def top(c):
    b = c('query-block')[0]
    return b['inserted']['file'] if 'inserted' in b else None


def new_file(c, name):
    if os.path.exists(name):
        os.remove(name)
    fd = os.open(name, os.O_RDWR | os.O_CREAT)
    c('add-fd', fds=[fd], path=DIR + '/' + name)
    os.close(fd)
    return DIR + '/' + name


def same(m, image, fmt, text):
    good_, out = m.same(image, fmt)
    return ok(good_, text, out)


# ---- one thing after the other ----
fill('base.raw', SIZE)
shutil.copy('base.raw', 'model')
create('a.qcow2', 'qcow2', None, '-b', DIR + '/base.raw', '-F', 'raw')
m = Model('model', SEED)
s = Server('--id', 'd', '--state', DIR + '/st', '-f', 'qcow2', 'a.qcow2')
c = s.ctl
p = Server('--image-opts', 'driver=raw,file.driver=nbd,file.path=%s,file.reconnect-delay=60' % s.path, name='p')
ok(os.path.exists('st'), 'the state file is there from the start')
s.restart()
c = s.ctl
equal(top(c), 'a.qcow2', 'a restarted server has the same image')
m.start(p, 20)
m.finish()
c('blockdev-snapshot-sync', device='d', **{'snapshot-file': new_file(c, 'snap'), 'snapshot-node-name': 'sn'})
m.start(p, 20)
m.finish()
s.restart()
c = s.ctl
equal((top(c), c('query-block')[0]['inserted']['node-name']), (DIR + '/snap', 'sn'), 'after a snapshot it continues with the overlay')
same(m, p.uri(), 'raw', 'and the client sees its data')
c('block_resize', device='d', size=SIZE + (1 << 20))
c('block_set_io_throttle', device='d', bps=0, bps_rd=0, bps_wr=99 << 20, iops=0, iops_rd=0, iops_wr=0, bps_wr_max=200 << 20)
c('nbd-server-add', device='d', name='more', description='x')
door = socket.socket(socket.AF_UNIX)
door.bind(DIR + '/door')
door.listen()
c('nbd-server-start', fds=[door.fileno()], addr={'type': 'unix', 'data': {'path': DIR + '/door'}})
door.close()
c('nbd-server-add', device='d', name='outside')
c('block-dirty-bitmap-add', node='d', name='bm')
run('qemu-io', '-f', 'raw', '-c', 'write -P 3 1M 64k', p.uri())
m.apply([('write', 3, 1 << 20, 65536)])
dirty = c('query-block')[0]['dirty-bitmaps'][0]['count']
s.restart()
c = s.ctl
i = c('query-block')[0]['inserted']
equal((i['image']['virtual-size'], i['bps_wr'], i['bps_wr_max']), (SIZE + (1 << 20), 99 << 20, 200 << 20), 'size and limits are there again')
equal(sorted(x['name'] for x in c('x-query-exports')), ['', 'more', 'outside'], 'exports too')
equal([x['server'] for x in c('x-query-exports') if x['name'] == 'outside'], ['nbd-server-start'], 'those of nbd-server-start on a server of their own')
good('which listens where it did', 'sh', '-c', "test $(nbdinfo --size 'nbd+unix:///outside?socket=%s/door') = %d" % (DIR, SIZE + (1 << 20)))
c('nbd-server-stop')
equal(sorted(x['name'] for x in c('x-query-exports')), ['', 'more'], 'until it is stopped')
ok(dirty > 0 and c('query-block')[0]['dirty-bitmaps'][0]['count'] == dirty, 'and the bits of a dirty bitmap')
c('block-dirty-bitmap-remove', node='d', name='bm')
c('nbd-server-remove', name='more')
os.truncate('model', SIZE + (1 << 20))
c('block_set_io_throttle', device='d', bps=0, bps_rd=0, bps_wr=0, iops=0, iops_rd=0, iops_wr=0)

# ---- jobs, killed half-way ----
for job in 'mirror', 'stream', 'backup', 'commit', 'pivot':
    args = {'speed': 6 << 20}
    shutil.copy('model', 'then')
    if job in ('mirror', 'pivot'):
        c('drive-mirror', device='d', target=new_file(c, 't.' + job), sync='full', format='qcow2', **args)
    elif job == 'backup':
        c('drive-backup', device='d', target=new_file(c, 't.backup'), sync='full', format='qcow2', **args)
    elif job == 'stream':
        c('blockdev-snapshot-sync', device='d', **{'snapshot-file': new_file(c, 't.over')})
        c('block-stream', device='d', **args)
    else:
        c('blockdev-snapshot-sync', device='d', **{'snapshot-file': new_file(c, 't.over2')})
        m.start(p, 50)
        m.finish()
        c('block-commit', device='d', **args)
    m.start(p, 60)
    time.sleep(rng.random() * .8)
    before = c('query-block-jobs')[0]['offset']
    s.restart()
    c = s.ctl
    j = c('query-block-jobs')
    ok(len(j) == 1 and j[0]['device'] == 'd' and j[0]['speed'] == 6 << 20, '%s: the job goes on after a kill' % job, j)
    c('block-job-set-speed', device='d', speed=0)
    if job in ('mirror', 'commit', 'pivot'):
        if not c('query-block-jobs')[0]['ready']:
            c.wait('BLOCK_JOB_READY')
        c('block-job-complete', device='d')
        if job == 'pivot':
            s.restart()
            c = s.ctl
            while c('query-block-jobs'):
                time.sleep(.05)
    if job != 'pivot':
        e = c.wait('BLOCK_JOB_COMPLETED')['data']
        ok('error' not in e, '%s: and completes' % job, e)
    m.finish()
    if job in ('mirror', 'pivot'):
        equal(top(c), DIR + '/t.' + job, '%s: the target is the disk' % job)
    if job == 'backup':
        same(Model('then'), 't.backup', 'qcow2', 'backup: is the disk when it began')
    s.restart()
    c = s.ctl
    same(m, p.uri(), 'raw', '%s: the disk has everything' % job)
equal(s.quit(), 0, 'the server ends')
ok(not [f for f in os.listdir('.') if f.startswith('st')], 'an orderly end leaves no state')
equal(p.errors(), '', 'the client had no error')

# ---- at any moment ----
size = os.path.getsize('model')
s = Server('--id', 'd', '--state', DIR + '/st', '-f', 'qcow2', 't.pivot')
c = s.ctl
want, bad = 't.pivot', []
kinds = {}
for i in range(ROUNDS):
    m.start(p, 25, 100)
    kind = rng.choice(['nothing', 'snapshot', 'mirror', 'complete', 'stream', 'backup', 'commit', 'cancel'])
    kinds[kind] = kinds.get(kind, 0) + 1
    name = 'r%d' % i
    try:
        if c('query-block-jobs'):
            kind = 'nothing'
        now = top(c)
        if want and now != want:
            bad.append('round %d: top is %s, not %s' % (i, now, want))
        want = now
        if kind == 'snapshot':
            c('blockdev-snapshot-sync', device='d', **{'snapshot-file': new_file(c, name)})
            want = DIR + '/' + name
        elif kind in ('mirror', 'complete', 'cancel'):
            c('drive-mirror', device='d', target=new_file(c, name), sync='full', format='qcow2', speed=0 if kind == 'complete' else 20 << 20)
            if kind == 'complete':
                c.wait('BLOCK_JOB_READY')
                c('block-job-complete', device='d')
                want = DIR + '/' + name
            elif kind == 'cancel':
                time.sleep(rng.random() * .2)
                c('block-job-cancel', device='d', force=True)
        elif kind == 'stream':
            c('block-stream', device='d', speed=30 << 20)
        elif kind == 'backup':
            c('drive-backup', device='d', target=new_file(c, name), sync='full', format='qcow2', speed=30 << 20)
        elif kind == 'commit':
            c('block-commit', device='d', speed=30 << 20)
            c.wait('BLOCK_JOB_READY')
            c('block-job-complete', device='d')
            want = None
    except Refused as e:
        if 'no backing' not in str(e) and 'commit' != kind:
            bad.append('round %d: %s: %s' % (i, kind, e))
    if rng.random() < .7:
        time.sleep(rng.random() * .25)
    s.restart()
    if not s.ctl:
        bad.append('round %d: the server does not start again: %s' % (i, s.errors()))
        break
    c = s.ctl
    # Some rounds let the job end; what was told to complete does so by itself.
    end = time.time() + 30
    while kind in ('complete', 'commit') or rng.random() < .5:
        j = c('query-block-jobs')
        if not j:
            break
        if time.time() > end:
            bad.append('round %d: %s does not end: %s' % (i, kind, j))
            break
        if j[0]['ready'] and kind not in ('complete', 'commit'):
            try:
                c('block-job-cancel', device='d', force=True)
            except Refused:
                pass
        time.sleep(.02)
    out = m.proc.stdout.read()
    m.proc.wait()
    m.apply(m.pending)
    if out.count('wrote ') != len(m.pending):
        bad.append('round %d: a write failed: %s' % (i, out[-200:]))
    if i % 5 == 4 or i == ROUNDS - 1:
        good_, text = m.same(p.uri())
        if not good_:
            bad.append('round %d (%s): %s' % (i, kind, text))
ok(not bad, '%d kills: nothing acknowledged is lost %s' % (ROUNDS, kinds), '\n'.join(bad))
ok(s.ctl is not None and s.quit() == 0, 'the server ends')
equal(p.errors(), '', 'the client had no error')
ok('cannot go on' not in s.errors(), 'no job was given up', s.errors())
finish()
