"""Looking a caller up."""

import pytest
from tailgate_service.models.cards import ContactCard

from tests.service.api.conftest import once


@pytest.mark.row("A13")
@pytest.mark.parametrize("phone", ["+49 (30) 123-4567", "49301234567", "0049".removeprefix("00") + " 30/1234567"])
async def test_numbers_are_compared_without_non_digits(client, world, phone):
    await world.contact(phone="+49 30 1234567", name="Cora")
    answer = await client.get("/api/contacts/by-phone", params={"phone": phone})
    assert answer.json()["contact"]["name"] == "Cora"


async def test_the_card_holds_notes_the_latest_conversation_and_its_messages_newest_first(client, world):
    contact = await world.contact()
    for minute in (1, 3, 2):
        await world.note(contact, f"note {minute}", created_at=world.at(minute))
    old = await world.conversation(contact, status="resolved", last_message_at=world.at(0))
    latest = await world.conversation(contact, last_message_at=world.at(9))
    await world.message(old, "of old", created_at=world.at(0))
    for minute in (7, 9, 8):
        await world.message(latest, f"message {minute}", created_at=world.at(minute))

    card = ContactCard.model_validate_json(
        (await client.get("/api/contacts/by-phone", params={"phone": "49301234567"})).content
    )
    assert card.contact.id == contact
    assert [note.body for note in card.notes] == ["note 3", "note 2", "note 1"]
    assert card.conversation is not None
    assert card.conversation.id == latest
    assert [message.body for message in card.messages] == ["message 9", "message 8", "message 7"]


async def test_the_card_is_bounded(client, world):
    contact = await world.contact()
    conversation = await world.conversation(contact)
    for minute in range(25):
        await world.note(contact, "n", created_at=world.at(minute))
        await world.message(conversation, "m", created_at=world.at(minute))
    card = (await client.get("/api/contacts/by-phone", params={"phone": "49301234567"})).json()
    assert (len(card["notes"]), len(card["messages"])) == (20, 20)


async def test_a_contact_without_a_conversation_has_an_empty_card(client, world):
    await world.contact()
    card = (await client.get("/api/contacts/by-phone", params={"phone": "49301234567"})).json()
    assert (card["notes"], card["conversation"], card["messages"]) == ([], None, [])


async def test_an_unknown_number_is_not_found(client, world):
    answer = await client.get("/api/contacts/by-phone", params={"phone": "49301234567"})
    assert answer.status_code == 404
    assert answer.json()["detail"] == "No contact of this workspace has that phone number."


@once
@pytest.mark.parametrize("phone", ["", "12", "1" * 16, "four five six", "123\x00456", "٤٥٦٧٨"])
async def test_what_is_no_number_is_refused_by_name(client, phone):
    answer = await client.get("/api/contacts/by-phone", params={"phone": phone})
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["phone"]
