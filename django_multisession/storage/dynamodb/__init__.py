"""Sessions in Amazon DynamoDB."""

from .storage import DynamoDBStorage

__all__ = ["DynamoDBStorage"]
