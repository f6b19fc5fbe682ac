# SPDX-License-Identifier: GPL-2.0-or-later
# What Linux reads out of the firmware's tables: NUMA nodes, their memory, processors and distances; tables of the user's; SMBIOS strings.
import re
import struct
import subprocess

quick = True


def run(t):
    guest = t.demo_guest()
    open(t.dir + '/d1', 'wb').write(b'some data')
    open(t.dir + '/d2', 'wb').write(b' and more')
    slic = b'SLIC' + struct.pack('<IBB6s8sI4sI', 36 + 338, 1, 0, b'VENDOR', b'TABLE-ID', 7, b'WHO ', 3) + bytes(range(256)) + bytes(82)
    open(t.dir + '/slic', 'wb').write(slic)
    entry = struct.pack('<BBH', 11, 5, 0x1234) + b'\x01a string from a file\0\0'
    open(t.dir + '/entry', 'wb').write(entry)
    m = t.machine('-m', '256', '-smp', '4,sockets=2,cores=2', '-no-reboot', '-kernel', guest + '/vmlinuz', '-initrd', guest + '/initrd.gz', '-append', 'console=ttyS0 quiet panic=-1',
                  '-numa', 'node,nodeid=1,cpus=0,cpus=3,mem=96', '-numa', 'node,nodeid=0,cpus=1-2,mem=160', '-numa', 'dist,src=0,dst=1,val=33',
                  '-acpitable', 'sig=TEST,rev=9,oem_id=ME,oem_table_id=MINE,oem_rev=5,asl_compiler_id=ASLC,asl_compiler_rev=77,data=%s/d1:%s/d2' % (t.dir, t.dir),
                  '-acpitable', 'file=%s/slic,oem_rev=8' % t.dir,
                  '-smbios', 'type=0,vendor=bios vendor,version=bios version,date=01/02/2003,release=4.5',
                  '-smbios', 'type=1,manufacturer=sys maker,product=sys product,version=sys version,serial=sys serial,sku=sys sku,family=sys family,uuid=00112233-4455-6677-8899-aabbccddeeff',
                  '-smbios', 'type=2,manufacturer=board maker,product=board product,version=board version,serial=board serial,asset=board asset,location=board place',
                  '-smbios', 'type=3,manufacturer=case maker,version=case version,serial=case serial,asset=case asset,sku=case sku',
                  '-smbios', 'type=4,sock_pfx=sock,manufacturer=cpu maker,version=cpu version,serial=cpu serial,asset=cpu asset,part=cpu part',
                  '-smbios', 'type=17,loc_pfx=loc,bank=bank of it,manufacturer=mem maker,serial=mem serial,asset=mem asset,part=mem part,speed=1333',
                  '-smbios', 'file=' + t.dir + '/entry')
    m.expect('Shell after', 120)
    m.expect('# ', 20)

    def ask(command):
        m.send(command + '; echo E"ND"\n')
        return m.expect(r'"ND"\n([\s\S]*?)^END$', 30).group(1).strip()
    nodes = '/sys/devices/system/node/node'
    # Linux numbers the nodes as it meets them: that of processor 0, ours with the number 1, comes first.
    got = ask('cat %s0/cpulist %s1/cpulist' % (nodes, nodes)).split()
    t.ok(got == ['0,3', '1-2'], 'the processors of two nodes', got)
    t.ok(ask('cat %s0/distance %s1/distance' % (nodes, nodes)).split() == ['10', '33', '33', '10'], 'their distances')
    memory = [int(x) for x in re.findall(r'MemTotal:\s+(\d+)', ask('cat %s0/meminfo %s1/meminfo' % (nodes, nodes)))]
    t.ok(len(memory) == 2 and 60 << 10 < memory[0] <= 96 << 10 and 90 << 10 < memory[1] <= 160 << 10, 'their memory', memory)

    def table(name):
        return bytes.fromhex(ask('xxd -p /sys/firmware/acpi/tables/' + name).replace('\n', ''))
    got, want = table('TEST'), b'TEST' + struct.pack('<IBB6s8sI4sI', 36 + 18, 9, 0, b'ME', b'MINE', 5, b'ASLC', 77) + b'some data and more'
    t.ok(got[:9] + got[10:] == want[:9] + want[10:] and sum(got) & 255 == 0, 'a table out of data and named fields', got)
    got, want = table('SLIC'), slic[:24] + struct.pack('<I', 8) + slic[28:]
    t.ok(got[:9] + got[10:] == want[:9] + want[10:] and sum(got) & 255 == 0, 'a whole table from a file', got)
    t.ok(table('FACP')[10:24] == b'VENDORTABLE-ID', 'a SLIC names the FADT\'s maker')
    got = ask('for f in bios_vendor bios_version bios_date bios_release sys_vendor product_name product_version product_serial product_sku product_family product_uuid board_vendor '
              'board_name board_version board_serial board_asset_tag chassis_vendor chassis_version chassis_serial chassis_asset_tag; do cat /sys/class/dmi/id/$f; done').split('\n')
    t.ok(got == ['bios vendor', 'bios version', '01/02/2003', '4.5', 'sys maker', 'sys product', 'sys version', 'sys serial', 'sys sku', 'sys family',
                 '00112233-4455-6677-8899-aabbccddeeff', 'board maker', 'board product', 'board version', 'board serial', 'board asset', 'case maker', 'case version',
                 'case serial', 'case asset'], 'SMBIOS types 0 to 3', got)
    dmi = bytes.fromhex(ask('xxd -p /sys/firmware/dmi/tables/DMI').replace('\n', ''))
    for what in b'board place', b'case sku', b'sock 0', b'sock 1', b'cpu maker', b'cpu version', b'cpu serial', b'cpu asset', b'cpu part', b'loc 0', b'bank of it', \
            b'mem maker', b'mem serial', b'mem asset', b'mem part', entry:
        t.ok(what in dmi, 'SMBIOS says %r' % what[:20], dmi)
    m.send('poweroff -f\n')
    t.ok(m.wait(60) == 0, 'power-off')
    if t.peer:
        return

    def refused(what, pattern, *args):
        p = subprocess.run([t.build + '/bin/emu-cpu', '-M', 'pc', '-m', '64', '-smp', '2', *args], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        t.ok(p.returncode == 1 and re.search(pattern, p.stderr), 'refused: ' + what, (p.returncode, p.stderr))
    refused('too little memory in nodes', r'total memory for NUMA nodes \(0x1e00000\) should equal RAM size', '-numa', 'node,mem=30')
    refused('the same node twice', 'Duplicate NUMA nodeid: 0', '-numa', 'node,nodeid=0', '-numa', 'node,nodeid=0')
    refused('a gap', 'Node ID missing: 1', '-numa', 'node', '-numa', 'node,nodeid=2')
    refused('a processor that is not there', 'smaller than maxcpus', '-numa', 'node,cpus=0-7')
    refused('a processor in two nodes', 'in node 0 already', '-numa', 'node,cpus=0', '-numa', 'node,cpus=0-1')
    refused('mem beside memdev', 'exclude each other', '-numa', 'node,mem=64,memdev=x')
    refused('an unknown memdev', "'x' not found", '-numa', 'node,memdev=x')
    refused('a distance below 10', 'is invalid', '-numa', 'node', '-numa', 'node', '-numa', 'dist,src=0,dst=1,val=5')
    refused('a missing distance', 'node 0 and 2 is missing', '-numa', 'node', '-numa', 'node', '-numa', 'node', '-numa', 'dist,src=0,dst=1,val=20')
    refused('a node for no processor', 'has this place', '-numa', 'node', '-numa', 'cpu,node-id=0,socket-id=9')
    refused('a table without files', 'either file=', '-acpitable', 'sig=ABCD')
    refused('a cut table', 'a table\'s header alone has', '-acpitable', 'file=' + t.dir + '/d1')
    refused('a long name', '4 characters', '-acpitable', 'sig=ABCDE,data=' + t.dir + '/d1')
