"""hold.py PORT PATH COUNT: opens COUNT connections from several addresses, asks once on each, and holds them.

Prints "held" once all are answered. Then, for each line that it reads, it counts those still open and prints that. A
process of its own, so that its descriptors are not the driver's; it needs COUNT of them.
"""
import select
import socket
import sys

PER_ADDRESS = 1000  # of the 28,000 ports that an address has by default


def main():
    port, path, count = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
    held = []
    for number in range(count):
        connection = socket.socket()
        connection.settimeout(20)
        connection.bind((f"127.0.0.{2 + number // PER_ADDRESS % 250}", 0))
        connection.connect(("127.0.0.1", port))
        connection.sendall(request)
        answers = connection.makefile("rb")
        status = answers.readline()
        if not status.startswith(b"HTTP/1.1 200 "):
            sys.exit(f"connection {number}: {status!r}")
        left = 0
        while (line := answers.readline().strip()) != b"":
            if line.lower().startswith(b"content-length:"):
                left = int(line.split(b":")[1])
        while left > 0 and (piece := answers.read(left)):
            left -= len(piece)
        answers.close()  # and with it its buffer; the connection stays
        held.append(connection)
    print("held", flush=True)
    for _line in sys.stdin:
        poll = select.poll()
        for connection in held:
            poll.register(connection, select.POLLRDHUP)
        print(count - len(poll.poll(0)), flush=True)


main()
