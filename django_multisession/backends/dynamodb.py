"""SESSION_ENGINE = "django_multisession.backends.dynamodb": Amazon DynamoDB."""

from .. import conf, session
from ..storage.dynamodb import DynamoDBStorage
from ..transfer.on_demand import ConfiguredEngines


class SessionStore(session.SessionStore):
    storage = DynamoDBStorage(**conf.dynamodb())
    policy = staticmethod(conf.policy)
    previous_engines = ConfiguredEngines()
