"""SESSION_ENGINE = "django_multisession.backends.dynamodb": Amazon DynamoDB."""

from .. import conf, session
from ..storage.dynamodb import DynamoDBStorage


class SessionStore(session.SessionStore):
    storage = DynamoDBStorage(**conf.dynamodb())
