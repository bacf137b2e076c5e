"""The statements over the table of sends, built once."""

from sqlalchemy import and_, bindparam, not_, select, update

from bridge.storage.sends import DELIVERY_PREFIX, IS_WAITING, sends

# Whether it is still to be said is for whoever took it in to judge: nobody else begins to send it.
_IS_JUDGED_FIRST = and_(
    sends.c.state == "accepted", sends.c.id.startswith(DELIVERY_PREFIX), sends.c.id != bindparam("send_id")
)

_UP_TO = select(sends.c.seq).where(sends.c.id == bindparam("send_id")).scalar_subquery()
BY_ID = select(sends).where(sends.c.id == bindparam("send_id"))
BY_SEQ = select(sends).where(sends.c.seq == bindparam("row"))
WAITING_IN_ROOM = (
    select(sends)
    .where(
        IS_WAITING,
        sends.c.room_id == bindparam("room_id"),
        sends.c.seq <= _UP_TO,
        not_(_IS_JUDGED_FIRST),
    )
    .order_by(sends.c.seq)
)
IS_ANY_WAITING = select(sends.c.seq).where(IS_WAITING, sends.c.room_id == bindparam("room_id")).limit(1)
WAITING = (
    select(sends.c.room_id, sends.c.id)
    .where(IS_WAITING, not_(_IS_JUDGED_FIRST))
    .order_by(sends.c.room_id, sends.c.seq)
)
SET_ENCRYPTED = (
    update(sends)
    .where(sends.c.seq == bindparam("row"), sends.c.state == "accepted")
    .values(
        state="encrypted",
        upgraded_room_id=bindparam("target"),
        sealed=None,
        content=bindparam("ciphertext"),
        device_id=bindparam("device"),
        session_id=bindparam("session"),
        message_index=bindparam("ratchet"),
    )
    .returning(sends)
)
SET_SENT = (
    update(sends)
    .where(sends.c.seq == bindparam("row"), sends.c.state == "encrypted")
    .values(state="sent", content=None, event_id=bindparam("event"), sent_at=bindparam("instant"))
)
SET_REFUSED = (
    update(sends)
    .where(sends.c.seq == bindparam("row"), IS_WAITING)
    .values(state="refused", sealed=None, content=None)
)
