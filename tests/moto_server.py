"""moto's server, which takes one request after the other. Run by dynamodb_servers.

It has no locks: a transaction that fails puts back a copy of the whole table, and with it undoes
what others wrote meanwhile; and to make that copy fails while others write.
"""

import logging
from threading import Lock

from moto import server
from moto.moto_server.werkzeug_app import DomainDispatcherApplication


class OneByOne(DomainDispatcherApplication):
    turn = Lock()

    def __call__(self, environ, start_response):
        with self.turn:
            return super().__call__(environ, start_response)


if __name__ == "__main__":
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server.DomainDispatcherApplication = OneByOne
    server.main()
