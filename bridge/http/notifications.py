"""How people want to be told, over REST; and the link in each mail that ends them."""

from html import escape

from bots.i18n import translate
from bridge.deliveries import preferences
from bridge.deliveries.preferences import Preferences
from bridge.http.notification_models import PreferencesAnswer, PutPreferences, UnsubscribePath, shown
from bridge.http.routing import Answer, Context, json_answer
from bridge.notifications.mail import person_of_token
from bridge.people import people
from bridge.reminding.wishes import change_preferences

_HTML = "text/html; charset=utf-8"
_POLICY = "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"


async def get_preferences(context: Context) -> Answer:
    """GET /api/notifications/preferences: the defaults for who never said."""
    services = context.services
    async with services.database.read() as connection:
        wanted = await preferences.get(connection, sealer=services.sealer, person=context.acting_for)
        if wanted is None:
            language = await people.language_of(connection, context.acting_for)
            wanted = Preferences(language=language or context.language)
    return json_answer(shown(wanted))


async def put_preferences(context: Context, *, body: PutPreferences) -> Answer:
    """PUT /api/notifications/preferences."""
    services = context.services
    wanted = body.said()
    async with services.database.write() as connection:
        await change_preferences(
            connection, wanted, sealer=services.sealer, person=context.acting_for, now=services.now()
        )
    answer: PreferencesAnswer = shown(wanted)
    return json_answer(answer)


async def show_unsubscribe(context: Context, *, path: UnsubscribePath) -> Answer:
    """GET /api/notifications/unsubscribe/{token}: a page with one button. Looking at it changes nothing."""
    if person_of_token(path.token, sealer=context.services.sealer) is None:
        return _unknown(context)
    button = escape(translate(context.language, "mail.unsubscribe.button"))
    return _page(context, "ask", f'<form method="post"><button>{button}</button></form>')


async def unsubscribe_from_mail(context: Context, *, path: UnsubscribePath) -> Answer:
    """POST /api/notifications/unsubscribe/{token}: no more mail (RFC 8058, one click). May be repeated."""
    services = context.services
    person = person_of_token(path.token, sealer=services.sealer)
    if person is None:
        return _unknown(context)
    async with services.database.write() as connection:
        await preferences.no_more_email(connection, sealer=services.sealer, person=person, now=services.now())
    return _page(context, "done", "")


def _unknown(context: Context) -> Answer:
    """Mail programs cut links off: whoever followed one is a person, and reads no problem documents."""
    return _page(context, "unknown", "", status=404)


def _page(context: Context, what: str, form: str, *, status: int = 200) -> Answer:
    text = escape(translate(context.language, f"mail.unsubscribe.{what}"))
    page = (
        f'<!doctype html><html lang="{context.language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{text}</title></head><body><main><h1>{text}</h1>{form}</main></body></html>"
    )
    headers = {"Content-Security-Policy": _POLICY}
    return Answer(status=status, body=page.encode(), content_type=_HTML, headers=headers)
