"""The machine speaks with real vodozemac clients that share none of its code."""

from bridge.e2ee.model import Decrypted

LUCIA = "@portal_lucia:portal"
JUAN = "@portal_juan:portal"


async def test_a_doctor_reads_what_our_user_says(world, garcia):
    """What is encrypted after prepare is readable on the recipient's device."""
    await world.prepare(garcia.user_id)
    said = await world.say("hola ñ 😀")
    await garcia.sync()
    assert garcia.read(said) == "hola ñ 😀"


async def test_our_user_reads_what_a_doctor_says(world, garcia):
    """A room key that came to our device opens the events of its session."""
    import vodozemac

    session = vodozemac.GroupSession()
    await garcia.give(LUCIA, session)
    (seq,) = await world.deliver(LUCIA)
    assert await world.is_processed(seq)
    results = await world.encryption.decrypt(LUCIA, [garcia.say(session, "buenos días")])
    assert results == [Decrypted("m.room.message", {"msgtype": "m.text", "body": "buenos días"})]


async def test_our_users_read_each_other_and_themselves(world):
    """A managed user's message is readable by another managed user, and by herself."""
    await world.encryption.provision(JUAN)
    await world.prepare(JUAN)
    said = await world.say("hola")
    await world.deliver(JUAN)
    for reader in (JUAN, LUCIA):
        (read,) = await world.encryption.decrypt(reader, [said])
        assert read == Decrypted("m.room.message", {"msgtype": "m.text", "body": "hola"})
