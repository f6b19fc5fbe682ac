# SPDX-License-Identifier: GPL-2.0-or-later
"""The control socket of emu-nbd: queries, nodes, media, sizes, limits, exports, under the filter."""
from common import *

create('a.qcow2', 'qcow2', '64M')
create('b.qcow2', 'qcow2', '32M')
fill('c.raw', 3 << 20)
s = Server('--id', 'hd0', '-f', 'qcow2', 'a.qcow2')
c = s.ctl

b = c('query-block')
equal([(x['device'], x['inserted']['drv'], x['inserted']['image']['virtual-size']) for x in b], [('hd0', 'qcow2', 64 << 20)], 'query-block shows the disk')
b = b[0]
peer = {'iops_rd', 'detect_zeroes', 'image', 'iops_wr', 'ro', 'node-name', 'backing_file_depth', 'drv', 'iops', 'bps_wr', 'write_threshold', 'encrypted',
        'bps', 'bps_rd', 'cache', 'file', 'encryption_key_missing'}
equal(peer - set(b['inserted']), set(), 'with every key that others look for')
good_io, out = io(s, 'write -P 5 1M 1M', 'read -P 5 1M 1M', 'flush')
ok(good_io, 'the image is served', out)
st = c('query-blockstats')[0]
ok(st['device'] == 'hd0' and st['stats']['wr_bytes'] == 1 << 20 and st['stats']['rd_bytes'] >= 1 << 20 and st['stats']['wr_highest_offset'] == 2 << 20,
   'query-blockstats counts', st)
equal(sorted(x['drv'] for x in c('query-named-block-nodes')), ['file', 'qcow2'], 'query-named-block-nodes lists the nodes')
ok('DeviceNotFound' in c.refused('eject', device='nix'), 'an unknown device has its own class of error')
ok('not removable' in c.refused('eject', device='hd0'), 'what is not removable stays')
ok('missing' in c.refused('block_resize', device='hd0'), 'a missing argument is named')

# sizes
c('block_resize', device='hd0', size=128 << 20)
equal(c.wait('DISK_RESIZED')['data'], {'device': 'hd0', 'size': 128 << 20}, 'a resize is an event')
equal(run('nbdinfo', '--size', s.uri())[1].strip(), str(128 << 20), 'and new clients see it')
good_io, out = io(s, 'write -P 6 127M 1M', 'read -P 6 127M 1M', 'read -P 5 1M 1M')
ok(good_io, 'the new part can be written', out)

# nodes: the filter lets no path be opened, descriptors open everything
ok('add-fd' in c.refused('blockdev-add', driver='qcow2', node_name='n1', file={'driver': 'file', 'filename': DIR + '/b.qcow2'}),
   'a path alone is refused, and the message says what to do')
fd = os.open('b.qcow2', os.O_RDWR)
c('blockdev-add', fds=[fd], driver='qcow2', **{'node-name': 'n1'}, file={'driver': 'file', 'filename': DIR + '/b.qcow2'})
os.close(fd)
ok('n1' in [x['node-name'] for x in c('query-named-block-nodes')], 'with its descriptor it is opened')
ok('lock' in run('qemu-io', '-f', 'qcow2', '-c', 'read 0 1', 'b.qcow2')[1], 'and locked')
c('blockdev-del', **{'node-name': 'n1'})
good('blockdev-del lets it go, lock included', 'qemu-io', '-f', 'qcow2', '-c', 'write 0 1M', 'b.qcow2')
fd = os.open('b.qcow2', os.O_RDWR)
set_id = c('add-fd', fds=[fd], opaque='b')['fdset-id']
os.close(fd)
c('blockdev-add', driver='qcow2', **{'node-name': 'n2'}, file={'driver': 'file', 'filename': '/dev/fdset/%d' % set_id})
equal(c('query-fdsets')[0]['fdset-id'], set_id, 'descriptor sets work too')
ok('Duplicate' in c.refused('blockdev-add', driver='null-co', **{'node-name': 'n2'}), 'a name is given once')

# exports at run time
c('nbd-server-add', device='n2', writable=True, description='the second')
c('nbd-server-add', device='hd0', name='again')
ok('already' in c.refused('nbd-server-add', device='hd0', name='again'), 'an export has its name alone')
equal(sorted(x['name'] for x in c('x-query-exports')), ['', 'again', 'n2'], 'exports are listed')
good_io, out = io(s, 'write -P 9 0 1M', 'read -P 9 0 1M', export='n2')
ok(good_io, 'an export that was added is served', out)
good_io, out = io(s, 'write -P 9 0 1M', export='again')
ok(not good_io and run('qemu-io', '-r', '-f', 'raw', '-c', 'read -P 5 1M 1M', s.uri('again'))[0] == 0, 'read-only unless it says writable', out)
equal(len(c('query-block')), 1, 'an exported node is no disk')
ok('in use' in c.refused('blockdev-del', **{'node-name': 'n2'}), 'a node in use stays')
c('nbd-server-remove', name='n2')
c('nbd-server-remove', name='again')
c('blockdev-del', **{'node-name': 'n2'})
listen = socket.socket(socket.AF_UNIX)
listen.bind(DIR + '/extra')
listen.listen()
c('nbd-server-start', fds=[listen.fileno()], addr={'type': 'unix', 'data': {'path': DIR + '/extra'}})
listen.close()
c('nbd-server-add', device='hd0', name='pub')
equal(run('nbdinfo', '--size', 'nbd+unix:///pub?socket=' + DIR + '/extra')[1].strip(), str(128 << 20), 'nbd-server-start serves on a second socket')
ok(run('nbdinfo', s.uri('pub'))[0] != 0 and run('nbdinfo', 'nbd+unix:///?socket=' + DIR + '/extra')[1].count('export-size') == 1, 'with its own exports only')
c('nbd-server-stop')
ok(run('nbdinfo', 'nbd+unix:///pub?socket=' + DIR + '/extra')[0] != 0, 'nbd-server-stop ends it')

# limits
def takes(text, seconds, limits, *commands):
    """Never faster than the limit. (How near to it a disk comes is tests/unit/block-limits; this host may be busy with other things.)"""
    c('block_set_io_throttle', device='hd0', **{**dict.fromkeys(('bps', 'bps_rd', 'bps_wr', 'iops', 'iops_rd', 'iops_wr'), 0), **limits}) # its buckets are empty then
    t = time.time()
    good_io, out = io(s, *commands)
    t = time.time() - t
    ok(good_io and t >= seconds * .98, '%s (%.2f s, %.2f were due)' % (text, t, seconds), out)


# A tenth of a second's worth is free.
takes('bytes a second are limited', 1.9, {'bps_wr': 8 << 20}, 'write -P 1 0 12M', 'write -P 2 12M 4M')
i = c('query-block')[0]['inserted']
ok(i['bps_wr'] == 8 << 20 and i['group'] == 'hd0', 'query-block shows the limit')
ok('same time' in c.refused('block_set_io_throttle', device='hd0', bps=1, bps_rd=1, bps_wr=0, iops=0, iops_rd=0, iops_wr=0), 'totals and parts exclude each other')
ok('lower' in c.refused('block_set_io_throttle', device='hd0', bps=1000, bps_rd=0, bps_wr=0, iops=0, iops_rd=0, iops_wr=0, bps_max=10), 'a burst is no lower than the limit')
takes('operations a second are limited', 1.5, {'iops': 200, 'group': 'g'}, *['read %dk 4k' % (i * 4) for i in range(320)])
# The large bucket (200 * 2) must have run out: 400 + 100 t.
takes('with a burst', 1.8, {'iops': 100, 'iops_max': 200, 'iops_max_length': 2, 'group': 'g'}, *['read %dk 4k' % (i % 256 * 4) for i in range(380)])
c('block_set_io_throttle', device='hd0', bps=0, bps_rd=0, bps_wr=0, iops=0, iops_rd=0, iops_wr=0)
c('x-drain-and-flush')
equal(s.quit(), 0, 'quit ends the server')
ok(io and run('/usr/bin/qemu-img', 'check', '-q', 'a.qcow2')[0] == 0, 'the image is clean')

# limits from the command line, in both spellings
s = Server('--throttle', 'bps-total=1M,bps-total-max=2M,bps-total-max-length=3', '-f', 'qcow2', 'a.qcow2', name='t1')
i = s.ctl('query-block')[0]['inserted']
equal((i['bps'], i['bps_max'], i['bps_max_length']), (1 << 20, 2 << 20, 3), '--throttle sets limits')
s.kill()
s = Server('--image-opts', 'driver=throttle,limits.iops-read=7,file.driver=qcow2,file.file.filename=a.qcow2', name='t2')
i = s.ctl('query-block')[0]['inserted']
equal((i['iops_rd'], i['drv']), (7, 'qcow2'), 'a throttle node on top becomes limits that can be changed')
s.kill()

# media
s = Server('--id', 'cd0', '--removable', name='m')
c = s.ctl
ok('inserted' not in c('query-block')[0], 'a disk without a medium')
ok(not io(s, 'read 0 512')[0], 'gives no data')
fd = os.open('c.raw', os.O_RDWR)
c('blockdev-change-medium', fds=[fd], device='cd0', filename=DIR + '/c.raw', format='raw', **{'read-only-mode': 'read-only'})
os.close(fd)
equal([e['data']['tray-open'] for e in (c.wait('DEVICE_TRAY_MOVED'), c.wait('DEVICE_TRAY_MOVED'))], [True, False], 'a change moves the tray')
good('the medium is served', 'sh', '-c', "nbdcopy '%s' d.raw && cmp c.raw d.raw" % s.uri())
ok(not io(s, 'write 0 512')[0], 'read-only as asked')
c('eject', device='cd0')
ok(not io(s, 'read 0 512')[0] and c('query-block')[0]['tray_open'], 'ejected')
fd = os.open('b.qcow2', os.O_RDWR)
c('blockdev-add', fds=[fd], driver='qcow2', **{'node-name': 'disc'}, file={'driver': 'file', 'filename': DIR + '/b.qcow2'})
os.close(fd)
c('blockdev-insert-medium', id='cd0', **{'node-name': 'disc'})
c('blockdev-close-tray', id='cd0')
good_io, out = io(s, 'read -P 9 0 1M')
ok(good_io, 'a node is put in', out)
ok('not open' in c.refused('blockdev-remove-medium', id='cd0'), 'a closed tray keeps it')
c('blockdev-open-tray', id='cd0')
c('blockdev-remove-medium', id='cd0')
c('blockdev-del', **{'node-name': 'disc'})
equal(s.quit(), 0, 'and the server ends')
finish()
