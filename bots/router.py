"""What was heard → the reply: the same for what people write and for what clients call."""

from appointments.errors import NotInCareTeamError
from bots import dialogue
from bots.assistant import short_help
from bots.booking import Booking
from bots.booking_calls import answer_call
from bots.booking_ports import BookingDesk
from bots.clinic import ClinicSettings
from bots.commands import COMMAND_NAMES, Command, is_marked, parse
from bots.hearing import Called, Heard, Reacted, Said, Unreadable
from bots.i18n import DEFAULT_LANGUAGE, Language, translate
from bots.ports import ConsultDesk, Contact, NotNowError
from bots.replies import Asker, Reply, Turn
from bots.rpc import Call, Status, read_call


class Router:
    """Answers everything that it is asked, once, and never with silence."""

    def __init__(self, *, desk: ConsultDesk, bookings: BookingDesk, clinic: ClinicSettings) -> None:
        self._desk = desk
        self._bookings = bookings
        self._booking = Booking(bookings)
        self._clinic = clinic

    async def answer(
        self, heard: Heard, *, asker: Asker, turn: Turn, is_private: bool = True
    ) -> Reply | None:
        """The reply to what was heard; None for a reaction that chooses nothing.

        Where it is not private others read it too: it tells of nobody then.
        """
        language = asker.language or DEFAULT_LANGUAGE
        if isinstance(heard, Reacted):
            return await self._booking.react(heard.key, asker=asker, language=language, turn=turn)
        if isinstance(heard, Said):
            return await self._answer_text(heard, asker, turn, is_private=is_private)
        if isinstance(heard, Called):
            call = read_call(heard.content)
            if call is None:
                return Reply("malformed", translate(language, "assistant.malformed"))
            return await self._answer_call(call, asker, turn)
        if isinstance(heard, Unreadable):
            return Reply("unreadable", translate(language, "assistant.unreadable"))
        no_text = translate(language, "assistant.no-text")
        return Reply("unreadable", f"{no_text}\n\n{short_help(self._clinic, language)}")

    async def _answer_text(self, said: Said, asker: Asker, turn: Turn, *, is_private: bool) -> Reply:
        command = parse(said.text)
        language = asker.language or command.language or DEFAULT_LANGUAGE
        if is_private and not is_marked(said.text):
            followed = await self._booking.follow(said.text, asker=asker, language=language, turn=turn)
            if followed is not None:
                return followed
        if command.name not in (None, "help") and not is_private:
            return Reply("ok", translate(language, "assistant.in-private"))
        if command.name == "consult":
            wanted = said.mentioned or command.argument
            return await self._consult(asker.user_id, wanted, None, language)
        if command.name == "appointment":
            return await self._booking.command(command.argument, asker=asker, language=language, turn=turn)
        if command.name == "late":
            return await self._booking.delay(command.argument, asker=asker, language=language, turn=turn)
        return self._help(command, language)

    async def _answer_call(self, call: Call, asker: Asker, turn: Turn) -> Reply:
        language = call.language or asker.language or DEFAULT_LANGUAGE
        if call.command.name == "consult":
            return await self._consult(asker.user_id, call.person, call.on_behalf_of, language)
        there = Asker(asker.user_id, asker.language, call.zone or asker.zone)
        if call.appointment is not None:
            return await answer_call(
                self._bookings, call.appointment, asker=there, language=language, turn=turn
            )
        if call.minutes is not None:
            return await self._booking.delay(str(call.minutes), asker=there, language=language, turn=turn)
        return self._help(call.command, language)

    def _help(self, command: Command, language: Language) -> Reply:
        if command.is_thanks:
            return Reply("ok", translate(language, "assistant.thanked"))
        text, data = short_help(self._clinic, language), {"commands": list(COMMAND_NAMES)}
        if command.name == "help":
            return Reply("ok", text, data)
        return Reply("unknown-command", f"{translate(language, 'assistant.unknown')}\n\n{text}", data)

    async def _consult(self, person: str, wanted: str, on_behalf_of: str | None, language: Language) -> Reply:
        contacts = dialogue.numbered(await self._desk.contacts(person))
        found = dialogue.matching(contacts, wanted=wanted, on_behalf_of=on_behalf_of)
        if wanted and len(found) == 1:
            return await self._open(person, found[0][1], language)
        if not contacts:
            return Reply(
                "not-in-care-team" if wanted else "ok",
                translate(language, "assistant.no-contacts"),
                dialogue.contact_data([]),
            )
        shown = found or contacts
        status, key = _chosen(wanted, found)
        text = f"{translate(language, key)}\n\n{dialogue.contact_list(shown, language)}"
        return Reply(status, text, dialogue.contact_data(shown))

    async def _open(self, person: str, contact: Contact, language: Language) -> Reply:
        try:
            opened = await self._desk.open(person, contact)
        except NotInCareTeamError:  # it ended this very moment
            return Reply("not-in-care-team", translate(language, "assistant.no-contacts"))
        except NotNowError:
            return Reply("not-now", translate(language, "assistant.not-now"))
        text = translate(language, "assistant.opened", contact=dialogue.called(contact), link=opened.link)
        data = {
            "conversation_id": opened.conversation_id,
            "with": contact.user_id,
            "on_behalf_of": contact.on_behalf_of,
        }
        return Reply("ok", text, data)


def _chosen(wanted: str, found: list[dialogue.Numbered]) -> tuple[Status, str]:
    if not wanted:
        return "ok", "assistant.contacts"
    return ("ambiguous", "assistant.ambiguous") if found else ("not-in-care-team", "assistant.not-found")
