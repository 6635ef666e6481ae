"""The learner's own account of AWS, which is asked for its number alone until that was typed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from labkit.ecs.api import Api
from labkit.errors import EcsError
from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Callable


def own_account(
    *,
    profile: str | None = None,
    region: str | None = None,
    ask: Callable[[str], str] = input,
    session: Any = None,
) -> Api:
    """Return the API of the learner's own account, once they have typed its number.

    Args:
        profile: Of `~/.aws/config`; None takes what boto3 finds.
        region: None takes that of `AWS_REGION`, or the profile's.
        ask: Shows a text and returns what was typed.
        session: boto3's; None makes one.

    Raises:
        EcsError: boto3 finds no account, or another number was typed. Nothing was changed.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        if session is None:
            import boto3

            # boto3 itself reads AWS_DEFAULT_REGION only.
            region = region or os.environ.get("AWS_REGION")
            session = boto3.Session(profile_name=profile, region_name=region)
        meta = session.client("ecs").meta
        api = Api("", meta.endpoint_url, meta.region_name, session)
        account = api.account
    except (BotoCoreError, ClientError) as error:
        raise EcsError(
            _("No account of AWS can be asked: {why}").format(why=error), hint=_help(error)
        ) from error
    typed = ask(
        _(
            "This is AWS itself: {endpoint}, region {region}, account {account}. What runs there "
            "costs money. Type the account's number to go on: "
        ).format(endpoint=meta.endpoint_url, region=meta.region_name, account=account)
    )
    if typed.strip() != account:
        raise EcsError(
            _("That is not `{account}`: nothing was done.").format(account=account),
            hint=_("`ecs.local()` asks no account."),
        )
    return api


def _help(error: Exception) -> str:
    """Say what to do about an account that cannot be asked."""
    from botocore.exceptions import (
        NoCredentialsError,
        NoRegionError,
        PartialCredentialsError,
        ProfileNotFound,
    )

    if isinstance(error, NoRegionError):
        return _('Name one: `ecs.own_account(region="eu-central-1")`.')
    if isinstance(error, (NoCredentialsError, PartialCredentialsError)):
        return _(
            "Run `aws configure`, or name a profile: `ecs.own_account(profile=…)`. "
            "`ecs.local()` needs none."
        )
    if isinstance(error, ProfileNotFound):
        return _("`aws configure list-profiles` lists them. `ecs.local()` needs none.")
    return _("`aws sts get-caller-identity` asks the same. `ecs.local()` needs none.")
