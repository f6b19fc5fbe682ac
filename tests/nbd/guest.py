# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest uses its disk while the disk is mirrored, snapshotted, committed, backed up, streamed, throttled, resized; each also cancelled half-way, and
with the server killed half-way. fio in the guest reads back what it wrote, and in the end the image is what the guest sees.

ROUNDS=N (SOAK=storage): limits are measured, each operation is done whole, cancelled half-way and with the server killed half-way, then come N kills of the server, at
least a quarter of them right after a snapshot, pivot, resize or media change or during a job. RECORD=FILE gets a line for each, and a run that finds lines
there goes on behind them. Without ROUNDS: a few of each. SEED. OPERATIONS="mirror kill,backup plain,...": those instead."""
from vm import *

ROUNDS, SEED, RECORD = int(os.environ.get('ROUNDS', 0)), int(os.environ.get('SEED', time.time())), os.environ.get('RECORD')
SIZE, SLOW = 24 << 20, 12 << 20
rng = random.Random(SEED)
print('# SEED=%d ROUNDS=%d' % (SEED, ROUNDS))

why = guest_files()
if why:
    skip('a guest on its disk', why)
    finish()
fill('base.raw', SIZE)
create('top0', 'qcow2', None, '-b', DIR + '/base.raw', '-F', 'raw')
server = Server('--id', 'd', '--state', DIR + '/st', '-f', 'qcow2', 'top0')
fill('disc0', 1 << 20, 50)
discs = Server('--id', 'cd0', '--state', DIR + '/st-cd', '--removable', '-r', '-f', 'raw', 'disc0', name='discs')
vm = VM(('d0', server.path, 'if=virtio'), ('cd0', discs.path, 'if=none,media=cdrom'), args=['-device', 'virtio-scsi-pci', '-device', 'scsi-cd,drive=cd0'])
size, serial, want = SIZE, 0, DIR + '/top0'
kills = 0
vm.sh('for m in scsi_common scsi_mod virtio_scsi cdrom sr_mod; do insmod /modules/$m.ko; done 2>/dev/null')
if not ok(vm.sh('fio --version')[1].startswith('fio-'), 'a guest with fio', vm.sh('fio --version 2>&1')):
    finish()


def c(command, **args):
    return server.ctl(command, **args)


def new_file(kind):
    global serial
    serial += 1
    return passed('%s/%s%d' % (DIR, kind, serial))


def passed(name):
    """A server that was started again knows only the files in use."""
    fd = os.open(name, os.O_RDWR | os.O_CREAT)
    server.ctl('add-fd', fds=[fd], path=name)
    os.close(fd)
    return name


def top():
    return os.path.join(DIR, c('query-block')[0]['inserted']['file'])


def chain():
    out, i = [], c('query-block')[0]['inserted']['image']
    while i:
        out.append(i['filename'])
        i = i.get('backing-image')
    return out


def tidy():
    """Files that no image needs any more."""
    keep = {os.path.join(DIR, f) for f in chain()}
    for f in os.listdir('.'):
        if re.match(r'(over|mirror|backup|top)\d', f) and DIR + '/' + f not in keep:
            os.remove(f)


def half(part=.3):
    """Waits until the job has done a part; what it is then, or None when it is over."""
    for _ in range(6000):
        j = c('query-block-jobs')
        if not j or j[0]['ready'] or j[0]['offset'] >= j[0]['len'] * part > 0:
            return j[0] if j else None
        time.sleep(.01)


def ended(event='BLOCK_JOB_COMPLETED|BLOCK_JOB_CANCELLED'):
    return server.ctl.wait(event, 120)


def kill(what):
    global kills
    kills += 1
    server.restart()
    return ok(server.ctl is not None and top() == want, '%s: the restarted server has the graph that was acknowledged' % what,
              '%s, not %s: %s' % (server.ctl and top(), want, server.errors()[-300:]))


def told(command, **args):
    """A job may end before it is told anything."""
    try:
        c(command, **args)
    except Refused as e:
        if 'not found' not in str(e) and 'state' not in str(e):
            raise


def grown(n=6 << 20):
    """Waits until the guest has written so much into the disk's image."""
    for _ in range(600):
        if os.stat(want).st_blocks * 512 >= n:
            break
        time.sleep(.1)


def run_job(what, mode, part=.3):
    """A job that was just begun: to its end, or cancelled or killed half-way (if it is not over by then). False if it was cancelled."""
    j = half(part)
    if not j and mode == 'kill':
        return True
    if mode == 'cancel':
        if j:
            told('block-job-cancel', device='d')
        e = ended()
        ok(e['event'] == 'BLOCK_JOB_CANCELLED' or not j or j['ready'], what + ': is cancelled half-way', e)
        return e['event'] == 'BLOCK_JOB_COMPLETED' and e['data']['type'] not in ('mirror', 'commit')
    if mode == 'kill':
        kill(what)
        ok(len(c('query-block-jobs')) == 1, what + ': the job goes on after a kill', j)
    told('block-job-set-speed', device='d', speed=0)
    return True


def completed(what):
    """A mirror or active commit that is told to complete when it is ready."""
    for _ in range(6000):
        j = c('query-block-jobs')
        if j and j[0]['ready']:
            break
        time.sleep(.01)
    c('block-job-complete', device='d')
    e = ended()
    return ok(e['event'] == 'BLOCK_JOB_COMPLETED' and 'error' not in e['data'], what + ': completes', e)


# ---- the operations; the guest writes all the time ----

def mirror(mode):
    global want
    t = new_file('mirror')
    c('drive-mirror', device='d', target=t, sync='full', format='qcow2', speed=SLOW)
    if run_job('mirror', mode):
        if completed('mirror'):
            want = t
        equal(top(), want, 'mirror: the target is the disk')


def pivot(mode):
    """A mirror whose server dies right after it was told to complete."""
    global want
    t = new_file('mirror')
    c('drive-mirror', device='d', target=t, sync='full', format='qcow2')
    half(2)
    c('block-job-complete', device='d')
    want = t
    if mode == 'kill':
        server.restart()
        for _ in range(600):
            if not c('query-block-jobs'):
                break
            time.sleep(.05)
        kill('pivot')
    else:
        e = ended()
        ok(e['event'] == 'BLOCK_JOB_COMPLETED' and 'error' not in e['data'], 'pivot: completes', e)
    equal(top(), want, 'pivot: the target is the disk')


def media(mode):
    """Another disc in the guest's CD drive."""
    global serial, kills
    serial += 1
    name = DIR + '/disc%d' % serial
    fill(name, 1 << 20, serial)
    fd = os.open(name, os.O_RDONLY)
    discs.ctl('blockdev-change-medium', fds=[fd], device='cd0', filename=name, format='raw', **{'read-only-mode': 'read-only'})
    os.close(fd)
    if mode == 'kill':
        kills += 1
        discs.restart()
        ok(discs.ctl is not None and discs.ctl('query-block')[0]['inserted']['file'] == name, 'media: the restarted server has the disc', discs.errors()[-300:])
    vm.ctl('x-drive-insert', id='cd0', path=discs.path, force=True)
    with open(name, 'rb') as f:
        sum_ = hashlib.md5(f.read()).hexdigest()
    for _ in range(50):
        got = vm.sh('dd if=/dev/sr0 bs=64k iflag=direct 2>/dev/null | md5sum')[1].split()[0]
        if got == sum_:
            break
        time.sleep(.1)
    equal(got, sum_, 'media: the guest reads the disc')
    os.remove(name)


def snapshot(mode):
    """An external snapshot, then commit back."""
    global want
    below, want = want, new_file('over')
    c('blockdev-snapshot-sync', device='d', **{'snapshot-file': want})
    if mode == 'kill':
        kill('snapshot')
    grown()
    c('block-commit', device='d', base=below, speed=SLOW // 4)
    if run_job('commit', mode):
        if completed('commit'):
            want = below
        equal(top(), want, 'commit: the base is the disk again')


def empty(mode):
    """What `commit` of the monitor does: the overlay is emptied."""
    global want
    want = new_file('over')
    c('blockdev-snapshot-sync', device='d', **{'snapshot-file': want})
    grown()
    c('block-commit', device='d', speed=SLOW // 4, **{'x-empty': True})
    if run_job('commit that empties', mode):
        e = ended()
        ok(e['event'] == 'BLOCK_JOB_COMPLETED' and 'error' not in e['data'], 'commit that empties: completes', e)
        equal(top(), want, 'commit that empties: the overlay stays the disk')


def stream(mode):
    global want
    want = new_file('over')
    c('blockdev-snapshot-sync', device='d', **{'snapshot-file': want})
    c('block-stream', device='d', speed=SLOW)
    if run_job('stream', mode):
        e = ended()
        ok(e['event'] == 'BLOCK_JOB_COMPLETED' and 'error' not in e['data'], 'stream: completes', e)
        equal(len(chain()), 1, 'stream: the disk stands alone')


def backup(mode):
    """At a quiet moment, a copy of it while the guest goes on, and what changed since then."""
    vm.load_end('backup')
    then, t = vm.digest(), new_file('backup')
    server.ctl('transaction', actions=[{'type': 'block-dirty-bitmap-add', 'data': {'node': 'd', 'name': 'b'}},
                                       {'type': 'drive-backup', 'data': {'device': 'd', 'target': t, 'sync': 'full', 'format': 'qcow2', 'speed': SLOW}}])
    vm.load_begin()
    if run_job('backup', mode, .1):
        e = ended()
        ok(e['event'] == 'BLOCK_JOB_COMPLETED' and 'error' not in e['data'], 'backup: completes', e)
        equal(digest(t, 'qcow2'), then, 'backup: is the disk as it was when it began')
        for _ in range(1200): # (a guest on a busy host takes its time)
            if c('query-block')[0]['dirty-bitmaps'][0]['count']:
                break
            time.sleep(.1)
        ok(c('query-block')[0]['dirty-bitmaps'][0]['count'] > 0, 'backup: the bitmap has what the guest wrote since')
        vm.load_end('backup')
        c('drive-backup', device='d', target=passed(t), sync='incremental', bitmap='b', format='qcow2', mode='existing', speed=SLOW if mode == 'kill' else 0)
        if mode == 'kill':
            run_job('incremental backup', mode)
        e = ended()
        ok(e['event'] == 'BLOCK_JOB_COMPLETED' and 'error' not in e['data'], 'backup: an incremental one completes', e)
        equal(digest(t, 'qcow2'), vm.digest(), 'backup: which makes it current')
        vm.load_begin()
    c('block-dirty-bitmap-remove', node='d', name='b')


def resize(mode):
    global size
    if mode == 'cancel': # taken back at once
        c('block_resize', device='d', size=size + (1 << 20))
        vm.ctl('x-drive-resized', id='d0')
        c('block_resize', device='d', size=size)
    else:
        size += 1 << 20
        c('block_resize', device='d', size=size)
    if mode == 'kill':
        kill('resize')
    vm.ctl('x-drive-resized', id='d0')
    for _ in range(100):
        got = vm.sh('cat /sys/block/vda/size')[1]
        if got == str(size // 512):
            break
        time.sleep(.1)
    equal(got, str(size // 512), 'resize: the guest sees the new size')
    status, out = vm.sh('yes at the end | dd of=/dev/vda bs=64k count=16 iflag=fullblock oflag=direct seek=%d 2>/dev/null && '
                        'dd if=/dev/vda bs=64k count=16 iflag=direct skip=%d 2>/dev/null | md5sum' % (size // 65536 - 16, size // 65536 - 16))
    equal(out.split()[0], hashlib.md5((b'at the end\n' * 100000)[:1 << 20]).hexdigest(), 'resize: and reads what it writes there')


def nothing(mode):
    if mode == 'kill':
        kill('nothing')


OPERATIONS = {f.__name__: f for f in (mirror, pivot, snapshot, empty, stream, backup, resize, media, nothing)}


def same(what, seconds=300):
    """The guest is quiet: what it reads, what the server has, and what another program finds in the image's file."""
    if vm.load_end(what, seconds):
        seen = vm.digest()
        vm.sh('blockdev --flushbufs /dev/vda 2>/dev/null; sync')
        equal(digest(server.uri()), seen, what + ': the disk is what the guest sees')
        run('qemu-io', '-f', 'raw', '-c', 'flush', server.uri())
        status, out = run('/usr/bin/qemu-img', 'check', '-U', want)
        ok(status in (0, 3), what + ': the image is consistent', out) # (a running server has clusters in reserve)
        equal(digest(want, 'qcow2'), seen, what + ': and its file holds it')


# ---- limits ----

def limits(**values):
    server.ctl('block_set_io_throttle', device='d', **{**dict.fromkeys(('bps', 'bps_rd', 'bps_wr', 'iops', 'iops_rd', 'iops_wr'), 0), **values})


def measured(what, expected, values, options, field, seconds, meanwhile=None):
    """fio's count of `seconds` against the limit's; a machine that was busy with other things may try again. meanwhile(): is called half-way."""
    got = []
    for _ in range(8 if ROUNDS else 2):
        limits(**values)
        if meanwhile:
            threading.Timer(seconds / 2, meanwhile).start()
        f = vm.fio('--time_based', '--runtime=%d' % seconds, '--size=8m', *options, seconds=120)
        got.append(float(f[field]) * 1024 / seconds / expected if f else 0)
        if .95 <= got[-1] <= 1.05:
            break
    limits()
    # Never above it; below it only in the short form, on a host that may be busy with other things.
    good_ = ok((.95 if ROUNDS else .02) <= got[-1] <= 1.05 and max(got) <= 1.05, 'throttle: %s is within 5 %% of what is set (%s)' % (what, ', '.join('%.3f' % g for g in got)))
    if good_:
        note('throttle: %s: %.3f of what is set' % (what, got[-1]))


def lifted(what, options, values, field, seconds):
    """A limit that is taken away half-way: at least three times as much gets through."""
    limits(**values)
    threading.Timer(seconds / 2, limits).start()
    f = vm.fio('--time_based', '--runtime=%d' % seconds, '--size=8m', *options, seconds=120)
    got = float(f[field]) * 1024 / (values['bps'] * seconds) if f else 0
    if ok(got > 3, 'throttle: ' + what + ' (%.1f times as much)' % got):
        note('throttle: %s: %.1f times as much' % (what, got))


def throttle(long):
    """Fields of fio's terse output, version 3: total KiB of reads 5, of writes 46."""
    # The first tenth of a second's worth is free.
    t = 10 if long else 4
    k = t + .1
    measured('reads a second', 4096 * 150 * k / t, {'iops_rd': 150}, ['--rw=randread', '--bs=4k', '--iodepth=4'], 5, t)
    # A burst of 4 MiB/s that may last 2 s: the bucket holds 8 MiB and is full when fill - leak have been at work for 8 / (4 - 1) s.
    most, rate, length = 4 << 20, 1 << 20, 2
    t = 12 if long else 5
    measured('bytes written a second with a burst', (most * length + rate * t) / t, {'bps_wr': rate, 'bps_wr_max': most, 'bps_wr_max_length': length},
             ['--rw=randwrite', '--bs=64k', '--iodepth=4'], 46, t)
    if long:
        measured('bytes a second', (2 << 20) * k / t, {'bps': 2 << 20}, ['--rw=randread', '--bs=64k', '--iodepth=4'], 5, t)
        measured('operations of 16 KiB a second', 65536 / 4 * 100 * k / t, {'iops': 100, 'iops_size': 16384}, ['--rw=randwrite', '--bs=64k', '--iodepth=4'], 46, t)
        measured('writes a second with a burst', 4096 * (400 * 3 + 100 * t) / t, {'iops_wr': 100, 'iops_wr_max': 400, 'iops_wr_max_length': 3},
                 ['--rw=randwrite', '--bs=4k', '--iodepth=4'], 46, t)
        t = 20
        measured('bytes a second over a kill', (2 << 20) * (t + .1) / t, {'bps': 2 << 20}, ['--rw=randread', '--bs=64k', '--iodepth=4'], 5, t, lambda: kill('throttle'))
        lifted('a limit that is taken away half-way', ['--rw=randread', '--bs=64k', '--iodepth=4'], {'bps': 512 << 10}, 5, 10)


# ---- the record ----

def recorded(pattern):
    return re.findall('(?m)^' + pattern, open(RECORD).read()) if RECORD and os.path.exists(RECORD) else []


def note(text):
    if RECORD and not failed:
        with open(RECORD, 'a') as f:
            f.write('%s %s\n' % (time.strftime('%F'), text))


def short():
    vm.load_begin()
    for name, mode in [o.split() for o in os.environ['OPERATIONS'].split(',')] if 'OPERATIONS' in os.environ else (('mirror', 'kill'), ('snapshot', 'kill'), ('stream', 'cancel'), ('backup', 'plain'), ('resize', 'kill')):
        OPERATIONS[name](mode)
        tidy()
    same('all of them')
    throttle(False)


def soak():
    if len(recorded(r'\S+ throttle: ')) < 7:
        throttle(True)
    for name in OPERATIONS:
        for mode in 'plain', 'cancel', 'kill':
            what = '%s, %s' % (name, {'plain': 'whole', 'cancel': 'cancelled half-way', 'kill': 'server killed half-way'}[mode])
            if (name in ('nothing', 'pivot', 'media') and mode == 'cancel') or recorded(r'\S+ %s: ' % what):
                continue
            before, dead = failed, kills
            for _ in range(5):
                vm.load_begin()
                OPERATIONS[name](mode)
                same(what)
                tidy()
                if mode != 'kill' or kills > dead or failed:
                    break
            if failed == before:
                note(what + ': the guest read back what it wrote, image checked, digests equal')
    done = sum(int(m) for m in recorded(r'\S+ kills (\d+) '))
    kinds = {}
    while done < ROUNDS and not failed:
        begun = kills
        kinds.clear()
        vm.load_begin()
        while kills - begun < min(10, ROUNDS - done):
            name = rng.choice(list(OPERATIONS))
            before = kills
            OPERATIONS[name]('kill')
            kinds[name] = kinds.get(name, 0) + kills - before
            if len(chain()) > 6:
                stream('plain')
            tidy()
            time.sleep(rng.random() * .5)
        same('%d kills' % (kills - begun))
        done += kills - begun
        note('kills %d SEED=%d: the guest met no error, the disk is what it sees, the image is consistent; %s' % (kills - begun, SEED, kinds))
    ok(done >= ROUNDS, '%d kills in all' % done)


try:
    soak() if ROUNDS else short()
    status = vm.sh('sync; poweroff -f >/dev/null 2>&1 &')
    vm.p.wait(timeout=60)
    ok('cannot go on' not in server.errors(), 'no job was given up', server.errors())
    equal((server.quit(), discs.quit()), (0, 0), 'the servers end')
    status, out = run('/usr/bin/qemu-img', 'check', want)
    ok(status == 0 or (status == 3 and kills), 'the image is clean' + (', but for clusters that a kill left' if status else ''), out)
except (Dead, Refused, EOFError, OSError, subprocess.TimeoutExpired) as e:
    ok(False, 'to the end', '%s: %s\nserver %s: %s\nmachine %s: %s\n%s' % (type(e).__name__, e, server.proc.poll(), server.errors()[-500:], vm.p.poll(),
                                                                             open('cpu.err').read()[-500:], vm.text[-800:]))
finish()
