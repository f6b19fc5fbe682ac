# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine without a machine: speaks the protocol of emu-net(7) on a plug, with just enough of ARP, DHCP, UDP, TCP and TFTP to test with."""
import socket
import struct
import time

MAC = bytes.fromhex("525400123456")
HELLO = 0x454D5531


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Peer:
    def __init__(self, path, header=False, packet=False, mac=MAC):
        self.packet, self.header_out, self.header_in, self.mac = packet, False, False, mac
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET if packet else socket.SOCK_STREAM)
        end = time.time() + 10
        while True:
            try:
                self.sock.connect(path)
                break
            except OSError:
                if time.time() > end:
                    raise
                time.sleep(0.05)
        self.buf = b""
        self.ip, self.gateway, self.arp, self.id = None, None, {}, 0
        self.last_header = None
        if header:
            self.sock.sendall(struct.pack("!II", HELLO, 1))
            self.header_out = True

    # frames
    def send(self, frame, vnet=b"\0" * 12):
        if self.header_out:
            frame = vnet + frame
        self.sock.sendall(frame if self.packet else struct.pack("!I", len(frame)) + frame)

    def _message(self, timeout):
        self.sock.settimeout(timeout)
        if self.packet:
            return self.sock.recv(70000)
        while len(self.buf) < 4 or len(self.buf) < 4 + struct.unpack("!I", self.buf[:4])[0]:
            if len(self.buf) >= 8 and struct.unpack("!I", self.buf[:4])[0] == HELLO:
                data, self.buf = self.buf[:8], self.buf[8:]
                return data
            data = self.sock.recv(1 << 18)
            if not data:
                raise EOFError("the other end has gone")
            self.buf += data
        size = struct.unpack("!I", self.buf[:4])[0]
        if size == HELLO:
            data, self.buf = self.buf[:8], self.buf[8:]
            return data
        data, self.buf = self.buf[4:4 + size], self.buf[4 + size:]
        return data

    def receive(self, timeout=5):
        """The next frame; None: none came in time."""
        end = time.time() + timeout
        while True:
            try:
                data = self._message(max(0.001, end - time.time()))
            except (socket.timeout, BlockingIOError):
                return None
            if len(data) == 8 and struct.unpack("!I", data[:4])[0] == HELLO:
                self.header_in = bool(struct.unpack("!I", data[4:])[0] & 1)
                continue
            if self.header_in:
                self.last_header, data = struct.unpack("<BBHHHHH", data[:12]), data[12:]
            if data[12:14] == b"\x08\x06" and data[20:22] == b"\0\x01" and self.ip and data[38:42] == self.ip:
                self.send(data[6:12] + self.mac + data[12:20] + b"\0\x02" + self.mac + self.ip + data[22:32])
                continue
            return data

    def wait(self, want, timeout=5):
        end = time.time() + timeout
        while time.time() < end:
            frame = self.receive(end - time.time())
            if frame is None:
                return None
            got = len(frame) >= 54 and want(frame) or len(frame) < 54 and want(frame + b"\0" * (54 - len(frame)))
            if got:
                return got
        return None

    # IP
    def resolve(self, ip):
        if ip not in self.arp:
            self.send(b"\xff" * 6 + self.mac + b"\x08\x06\0\x01\x08\0\x06\x04\0\x01" + self.mac + (self.ip or b"\0" * 4) + b"\0" * 6 + ip)
            self.arp[ip] = self.wait(lambda f: f[12:14] == b"\x08\x06" and f[20:22] == b"\0\x02" and f[28:32] == ip and f[22:28])
        return self.arp[ip]

    def ip4(self, to, protocol, payload, mac=None, source=None):
        self.id += 1
        head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), self.id & 0xFFFF, 0, 64, protocol, 0, source or self.ip, to)
        head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
        return (mac or self.resolve(self.gateway if to[:3] != self.ip[:3] else to)) + self.mac + b"\x08\0" + head + payload

    def udp(self, to, sport, dport, data, mac=None, source=None):
        payload = struct.pack("!HHHH", sport, dport, 8 + len(data), 0) + data
        pseudo = (source or self.ip) + to + struct.pack("!BBH", 0, 17, len(payload))
        payload = payload[:6] + struct.pack("!H", checksum(pseudo + payload) or 0xFFFF) + payload[8:]
        self.send(self.ip4(to, 17, payload, mac, source))

    @staticmethod
    def parse_udp(f, port):
        if f[12:14] != b"\x08\0" or f[23] != 17 or struct.unpack("!H", f[36:38])[0] != port:
            return None
        return f[26:30], struct.unpack("!H", f[34:36])[0], f[42:14 + struct.unpack("!H", f[16:18])[0]]

    def dhcp(self, kind, extra=b""):
        """Returns the answer's address and options by number."""
        xid = struct.pack("!I", 0x1234 + kind)
        data = b"\1\1\6\0" + xid + b"\0" * 20 + self.mac + b"\0" * 202 + b"\x63\x82\x53\x63\x35\1" + bytes([kind]) + extra + b"\xff"
        self.udp(b"\xff" * 4, 68, 67, data, mac=b"\xff" * 6, source=b"\0" * 4)
        got = self.wait(lambda f: self.parse_udp(f, 68))
        if not got:
            return None
        reply, options, at = got[2], {}, 240
        while at < len(reply) and reply[at] != 255:
            if reply[at] == 0:
                at += 1
                continue
            options[reply[at]] = reply[at + 2:at + 2 + reply[at + 1]]
            at += 2 + reply[at + 1]
        options["file"] = reply[108:236].rstrip(b"\0")
        options["xid"] = reply[4:8] == xid
        return reply[16:20], options

    def configure(self):
        address, _ = self.dhcp(1)
        address, options = self.dhcp(3, b"\x32\4" + address)
        self.ip, self.gateway = address, options.get(3, b"")[:4]
        return address, options

    def ping(self, to, data=b"abcdefgh" * 4):
        icmp = struct.pack("!BBHHH", 8, 0, 0, 77, 1) + data
        icmp = icmp[:2] + struct.pack("!H", checksum(icmp)) + icmp[4:]
        self.send(self.ip4(to, 1, icmp))
        return self.wait(lambda f: f[12:14] == b"\x08\0" and f[23] == 1 and f[34] == 0 and f[26:30] == to and f[42:42 + len(data)] == data)

    def tftp(self, server, name, options=b""):
        self.udp(server, 2000, 69, b"\0\1" + name + b"\0octet\0" + options)
        data, block = b"", 1
        while True:
            got = self.wait(lambda f: self.parse_udp(f, 2000))
            if not got:
                return None
            source, port, packet = got
            kind, number = struct.unpack("!HH", packet[:4])
            if kind == 5:
                return None
            if kind == 3 and number == block & 0xFFFF:
                data += packet[4:]
                self.udp(source, 2000, port, struct.pack("!HH", 4, number))
                block += 1
                if len(packet) < 4 + 512:
                    return data

    # TCP: one connection at a time, everything in order
    def tcp_segment(self, c, flags, data=b"", options=b"", offload=False):
        head = struct.pack("!HHIIBBHHH", c["sport"], c["dport"], c["seq"], c["ack"], (20 + len(options)) // 4 << 4, flags, 65535, 0, 0) + options
        pseudo = self.ip + c["to"] + struct.pack("!BBH", 0, 6, len(head) + len(data))
        if offload:
            head = head[:16] + struct.pack("!H", ~checksum(pseudo) & 0xFFFF) + head[18:]
            gso = 1 if len(data) > 1460 else 0
            self.send(self.ip4(c["to"], 6, head + data), struct.pack("<BBHHHHH", 1, gso, 54, 1460 if gso else 0, 34, 16, 0))
        else:
            head = head[:16] + struct.pack("!H", checksum(pseudo + head + data)) + head[18:]
            self.send(self.ip4(c["to"], 6, head + data))
        c["seq"] += len(data) + (1 if flags & 3 else 0)

    def parse_tcp(self, f, c):
        if f[12:14] != b"\x08\0" or f[23] != 6 or f[26:30] != c["to"] or struct.unpack("!HH", f[34:38]) != (c["dport"], c["sport"]):
            return None
        end, at = 14 + struct.unpack("!H", f[16:18])[0], 34 + (f[46] >> 4) * 4
        seq, ack = struct.unpack("!II", f[38:46])
        return {"seq": seq, "ack": ack, "flags": f[47], "data": f[at:end], "raw": f[34:end], "src": f[26:30], "dst": f[30:34]}

    def connect(self, to, port, sport=40000, mss=1460):
        c = {"to": to, "dport": port, "sport": sport, "seq": 1000, "ack": 0}
        self.tcp_segment(c, 2, options=b"\2\4" + struct.pack("!H", mss))
        s = self.wait(lambda f: self.parse_tcp(f, c))
        if not s or s["flags"] & 0x12 != 0x12:
            return None
        c["ack"] = s["seq"] + 1
        self.tcp_segment(c, 16)
        return c

    def answer(self, port):
        """Waits for a connection to our port."""
        def syn(f):
            return f[12:14] == b"\x08\0" and f[23] == 6 and f[47] & 0x12 == 2 and struct.unpack("!H", f[36:38])[0] == port and f
        f = self.wait(syn, 10)
        if not f:
            return None
        c = {"to": f[26:30], "dport": struct.unpack("!H", f[34:36])[0], "sport": port, "seq": 5000, "ack": struct.unpack("!I", f[38:42])[0] + 1}
        self.arp[c["to"]] = f[6:12]
        self.tcp_segment(c, 18, options=b"\2\4\5\xb4")
        return c

    def read_all(self, c, timeout=20):
        """Everything up to the other end's FIN."""
        data = b""
        while True:
            s = self.wait(lambda f: self.parse_tcp(f, c), timeout)
            if not s:
                return None
            if s["flags"] & 4:
                return data
            if s["seq"] == c["ack"]:
                data += s["data"]
                c["ack"] = (c["ack"] + len(s["data"]) + (s["flags"] & 1)) & 0xFFFFFFFF
                if s["flags"] & 1:
                    self.tcp_segment(c, 17)
                    return data
            if s["data"]:
                self.tcp_segment(c, 16)

    def write(self, c, data, step=1460, offload=False):
        while data:
            self.tcp_segment(c, 24, data[:step], offload=offload)
            want = c["seq"]
            data = data[step:]
            if not self.wait(lambda f: (lambda s: s and s["ack"] == want and s)(self.parse_tcp(f, c))):
                return False
        return True


class Ctl:
    def __init__(self, path):
        import json
        self.json = json
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(path)
        self.file = self.sock.makefile("rw")
        self.greeting = json.loads(self.file.readline())
        self("qmp_capabilities")

    def __call__(self, command, fd=None, **arguments):
        text = self.json.dumps({"execute": command, "arguments": arguments}) + "\n"
        if fd is not None:
            socket.send_fds(self.sock, [text.encode()], [fd])
        else:
            self.sock.sendall(text.encode())
        while True:
            line = self.file.readline()
            if not line:
                raise EOFError(command)
            reply = self.json.loads(line)
            if "event" not in reply:
                return reply


class Tap:
    def __init__(self):
        self.count, self.failed = 0, 0

    def ok(self, good, text):
        self.count += 1
        self.failed += not good
        print("%sok %d - %s" % ("" if good else "not ", self.count, text), flush=True)
        return good

    def skip(self, text, why):
        self.count += 1
        print("ok %d - %s # SKIP %s" % (self.count, text, why), flush=True)

    def done(self):
        print("1..%d" % self.count)
        raise SystemExit(self.failed != 0)
