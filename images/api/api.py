"""Notes over HTTP, kept in PostgreSQL; PGHOST, PGUSER, PGPASSWORD, PGDATABASE say where it is.

GET /notes, POST /notes (the body is the note), GET /health (is the database there), GET /version.
"""

import json
import signal
import socket
import sys
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psycopg2

VERSION = "1"
PORT = 8000
TABLE = "create table if not exists notes (id serial primary key, text text not null)"


def ask(*statements, **values):
    """Run statements as one transaction in a new connection; return the last one's rows."""
    with (
        closing(psycopg2.connect("", connect_timeout=3)) as connection,
        connection,  # commits
        connection.cursor() as cursor,
    ):
        for statement in statements:
            cursor.execute(statement, values)
        return cursor.fetchall() if cursor.description else []


class Notes(BaseHTTPRequestHandler):
    """Answers one request."""

    def do_GET(self):
        if self.path == "/notes":
            rows = ask("select id, text from notes order by id")
            self.answer(200, [{"id": number, "text": text} for number, text in rows])
        elif self.path == "/health":
            ask("select 1")
            self.answer(200, {"database": "ok"})
        elif self.path == "/version":
            self.answer(200, {"version": VERSION, "host": socket.gethostname()})
        else:
            self.answer(404, {"error": f"no such path: {self.path}"})

    def do_POST(self):
        if self.path != "/notes":
            return self.answer(404, {"error": f"no such path: {self.path}"})
        text = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        [[number]] = ask("insert into notes (text) values (%(text)s) returning id", text=text)
        return self.answer(201, {"id": number, "text": text})

    def handle(self):
        try:
            super().handle()
        except psycopg2.OperationalError as error:
            self.answer(503, {"error": str(error).strip()})

    def log_request(self, *arguments):
        if self.path != "/health":  # which is asked each second
            super().log_request(*arguments)

    def answer(self, status, content):
        body = json.dumps(content).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # number 1 must say so itself
    try:
        ask("select pg_advisory_xact_lock(1)", TABLE)  # several of us may start at once
    except psycopg2.OperationalError as error:
        sys.exit(f"no database: {error}")
    print(f"version {VERSION} listens at port {PORT}")
    ThreadingHTTPServer(("", PORT), Notes).serve_forever()
