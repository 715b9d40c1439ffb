"""moto's server, changed to process one request at a time. It is run by dynamodb_servers.

moto has no locks. A failed transaction restores a copy of the whole table, and so undoes concurrent
writes; and making the copy fails during concurrent writes.

moto makes a deep copy for each item of a transaction, which takes a hundred times as long as the
rest if the table has a thousand items. Here the copy is shallow, and items are replaced instead of
changed.
"""

import logging
from collections import defaultdict
from copy import copy, deepcopy
from functools import cache
from threading import Lock

from moto import backends, server
from moto.core import responses
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.models.table import Table
from moto.moto_server.werkzeug_app import DomainDispatcherApplication


class OneByOne(DomainDispatcherApplication):
    turn = Lock()

    def __call__(self, environ, start_response):
        with self.turn:
            return super().__call__(environ, start_response)


def copied(table, memo):
    other = copy(table)
    other.items = defaultdict(dict, {key: copy(there) for key, there in table.items.items()})
    return other


def update_item(self, table_name, key, *facts, update=DynamoDBBackend.update_item, **more):
    """Replace the item with a copy before the update, since copies of the table share it."""
    table = self.tables.get(table_name)
    if table and table.has_range_key and {table.hash_key_attr, table.range_key_attr} <= key.keys():
        first, second = DynamoType(key[table.hash_key_attr]), DynamoType(key[table.range_key_attr])
        if item := table.get_item(first, second):
            table.items[first][second] = deepcopy(item)
    return update(self, table_name, key, *facts, **more)


def hurry():
    """Cache what moto computes anew for each request."""
    Table.__deepcopy__, DynamoDBBackend.update_item = copied, update_item
    modules = frozenset(backends.list_of_moto_modules())
    backends.list_of_moto_modules = lambda: modules
    responses.method_names_from_class = cache(responses.method_names_from_class)


if __name__ == "__main__":
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    hurry()
    server.DomainDispatcherApplication = OneByOne
    server.main()
