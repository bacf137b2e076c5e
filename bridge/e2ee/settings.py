"""What the clinic decides about encryption."""

from pydantic import BaseModel, ConfigDict, Field


class EncryptionSettings(BaseModel):
    """End-to-end encryption of the devices that the bridge holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    device_display_name: str = "Portal del paciente (pasarela / gateway)"
    only_signed_devices: bool = Field(
        default=False,
        description="Send keys only to devices that their owner has cross-signed, even to "
        "people who have set up no cross-signing at all.",
    )
    one_time_keys: int = Field(default=50, ge=10, le=100)
    rotation_period_msgs: int = Field(default=100, ge=1, le=10_000)
    rotation_period_ms: int = Field(default=604_800_000, ge=60_000)
    introduction_s: float = Field(
        default=2.0,
        ge=0,
        le=60,
        description="How long who is new in a room waits: our people stand invited for so long before they join a "
        "room that others are in, and who comes in with a client is given keys so long afterwards. Clients ask for "
        "devices meanwhile; some never show what they could decrypt before they knew its sender's. 0: nobody waits.",
    )
    idle_unload_s: int = Field(default=900, ge=1)
