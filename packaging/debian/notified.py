"""Is systemd for one service, as far as sd_notify(3) goes: binds a datagram socket and appends what arrives to a file,
one assignment a line. Ends when it is killed.

notified.py SOCKET FILE
"""
import os
import socket
import sys

receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
receiver.bind(sys.argv[1])
os.chmod(sys.argv[1], 0o777)
while True:
    message = receiver.recv(65536).decode()
    with open(sys.argv[2], "a", encoding="utf-8") as file:
        file.write(message.rstrip("\n") + "\n")
