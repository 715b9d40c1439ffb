"""A table, with short forms of the requests that tests send by a boto3 client."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from support.servers import wait_until

KEYS = ("pk", "sk")


@dataclass
class Table:
    """A table with a client, and a new partition for each test."""

    client: Any
    name: str = "sessions"
    partition: str = field(default_factory=lambda: str(uuid4()))

    def create(self, **more: Any) -> None:
        self.client.create_table(
            TableName=self.name,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in KEYS],
            KeySchema=[
                {"AttributeName": "pk", "KeyType": "HASH"},
                {"AttributeName": "sk", "KeyType": "RANGE"},
            ],
            **more,
        )
        wait_until(self._is_active, f"table {self.name}")  # dynalite takes a moment

    def _is_active(self) -> bool:
        table = self.client.describe_table(TableName=self.name)["Table"]
        return bool(table["TableStatus"] == "ACTIVE")

    def key(self, sk: object = "s") -> dict[str, Any]:
        return {"pk": {"S": self.partition}, "sk": {"S": str(sk)}}

    def put(self, sk: object = "s", text: str = "1", **more: Any) -> Any:
        item = {**self.key(sk), "x": {"S": text}}
        return self.client.put_item(TableName=self.name, Item=item, **more)

    def get(self, sk: object = "s", **more: Any) -> Any:
        return self.client.get_item(TableName=self.name, Key=self.key(sk), **more)

    def update(self, expression: str, names: Any = None, values: Any = None, **more: Any) -> Any:
        given = {"ExpressionAttributeNames": names, "ExpressionAttributeValues": values}
        more |= {name: value for name, value in given.items() if value}
        more |= {"TableName": self.name, "Key": self.key()}
        return self.client.update_item(UpdateExpression=expression, **more)

    def query(self, **more: Any) -> Any:
        return self.client.query(
            TableName=self.name,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": self.partition}},
            **more,
        )

    def write_batch(self, sks: Any) -> Any:
        puts = [{"PutRequest": {"Item": self.key(sk)}} for sk in sks]
        return self.client.batch_write_item(RequestItems={self.name: puts})

    def read_batch(self, sks: Any) -> Any:
        keys = {"Keys": [self.key(sk) for sk in sks]}
        return self.client.batch_get_item(RequestItems={self.name: keys})

    def transact(self, *sks: object, **more: Any) -> Any:
        new = {"TableName": self.name, "ConditionExpression": "attribute_not_exists(pk)"}
        puts = [{"Put": {"Item": self.key(sk), **new}} for sk in sks]
        return self.client.transact_write_items(TransactItems=puts, **more)

    def enable_ttl(self) -> Any:
        specification = {"Enabled": True, "AttributeName": "e"}
        return self.client.update_time_to_live(
            TableName=self.name, TimeToLiveSpecification=specification
        )
