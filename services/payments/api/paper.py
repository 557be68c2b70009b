"""EOBs on paper over HTTP: what was read is typed in, beside a picture of it. No rule lives here."""

# No `from __future__ import annotations` here: FastAPI reads the annotations of closures.

from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Body, Depends, Request
from pydantic import BaseModel, Field

from services.payments.adapters.paper_remittances import PaperClaim, PaperRemittance, as_835
from services.payments.adapters.remittance_files import Paper, RemittanceFiles
from services.payments.api.bodies import Body as Given
from services.payments.api.bodies import ReceivedRow
from services.payments.domain.remittance.commands import ProviderAdjustmentTold
from shared.events.values import AdjudicatedLine, Adjustment, DocumentReference
from shared.kernel.errors import Malformed
from shared.runtime.command import Cause
from shared.runtime.documents import Documents
from shared.runtime.vault import Opener
from shared.runtime.web import Caller, caller, cause_of

# Printable ASCII without the delimiters of an 835: * : ^ ~
_MARK = r"[!-)+-9;-\]_-}]"
Number = Annotated[str, Field(min_length=1, max_length=50, pattern=rf"^{_MARK}+$")]
Name = Annotated[str, Field(min_length=1, max_length=60, pattern=rf"^{_MARK}( ?{_MARK})*$")]
Cents = Annotated[int, Field(ge=-(10**12), le=10**12, strict=True)]
Carc = Annotated[str, Field(pattern=r"^[A-Z]?[0-9]{1,3}$", description="Claim adjustment reason code.")]
Rarc = Annotated[str, Field(pattern=r"^[A-Z]{1,2}[0-9]{1,4}$", description="Remittance advice remark code.")]
Code = Annotated[str, Field(pattern=r"^[A-Z0-9]{1,10}$")]
Modifier = Annotated[str, Field(pattern=r"^[A-Z0-9]{2}$")]
# How a picture of each kind begins, and what the store calls the kind.
_KINDS = {
    "application/pdf": (b"%PDF-", "pdf"),
    "image/png": (b"\x89PNG\r\n", "png"),
    "image/jpeg": (b"\xff\xd8\xff", "jpeg"),
}
_PICTURES = {"requestBody": {"content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in _KINDS}}}

TypeIn = Annotated[Cause, Depends(cause_of("payments:receive-remittance"))]
Poster = Annotated[Caller, Depends(caller("payments:receive-remittance"))]


class NotAPicture(Malformed):
    """What was sent is no PDF, PNG or JPEG, or another than its Content-Type says."""

    code = "not-a-picture"


class AdjustmentRead(Given):
    group: Literal["CO", "PR", "OA", "PI"]
    reason: Carc
    amount_cents: Cents = Field(description="Positive reduces the payment.")

    def said(self) -> Adjustment:
        return Adjustment(group=self.group, reason=self.reason, amount_cents=self.amount_cents)


class LineRead(Given):
    line_id: Number | None = Field(default=None, description="Our line control number, where the payer returned it.")
    procedure_code: Code
    modifiers: tuple[Modifier, ...] = Field(default=(), max_length=4)
    charged_cents: Cents
    paid_cents: Cents
    units: Annotated[int, Field(gt=0, le=99_999)] | None = None
    service_on: date | None = None
    adjustments: tuple[AdjustmentRead, ...] = Field(default=(), max_length=30)
    remarks: tuple[Rarc, ...] = Field(default=(), max_length=20)

    def said(self) -> AdjudicatedLine:
        return AdjudicatedLine(
            line_id=self.line_id or "",
            procedure_code=self.procedure_code,
            modifiers=self.modifiers,
            charged_cents=self.charged_cents,
            paid_cents=self.paid_cents,
            units="" if self.units is None else str(self.units),
            service_on=self.service_on,
            adjustments=tuple(each.said() for each in self.adjustments),
            remarks=self.remarks,
        )


class ClaimRead(Given):
    claim_id: Number = Field(description="Our claim number as the payer printed it; one of nobody waits as unmatched.")
    status: Literal["1", "2", "3", "4", "19", "20", "21", "22", "23", "25"] = Field(
        default="1", description="As CLP02: 1, 2, 3 processed as primary, secondary, tertiary; 4 denied; 22 taken back."
    )
    charged_cents: Cents
    paid_cents: Cents
    payer_control_number: Number | None = None
    original_payer_control_number: Number | None = Field(default=None, description="Of what a 22 takes back.")
    adjustments: tuple[AdjustmentRead, ...] = Field(default=(), max_length=30, description="Of the claim as a whole.")
    remarks: tuple[Rarc, ...] = Field(default=(), max_length=5)
    lines: tuple[LineRead, ...] = Field(default=(), max_length=99)

    def said(self) -> PaperClaim:
        return PaperClaim(
            claim_id=self.claim_id,
            status=self.status,
            charged_cents=self.charged_cents,
            paid_cents=self.paid_cents,
            payer_control_number=self.payer_control_number or "",
            original_payer_control_number=self.original_payer_control_number or "",
            adjustments=tuple(each.said() for each in self.adjustments),
            remarks=self.remarks,
            lines=tuple(each.said() for each in self.lines),
        )


class ProviderAdjustmentRead(Given):
    reason: Annotated[str, Field(pattern=r"^[A-Z0-9]{2}$", description="As PLB03-1: WO, FB, L6, …")]
    reference: Number | None = None
    amount_cents: Cents = Field(description="Positive reduces the payment.")


class PaperRemittanceBody(Given):
    """A check or a transfer and the EOBs that came with it, as they are printed."""

    payer_identifier: Annotated[str, Field(min_length=1, max_length=30, pattern=rf"^{_MARK}+$")] = Field(
        description="As the payer's 835s name it (TRN03), so that the same payment is known when it comes as a file."
    )
    payer_name: Name
    payer_electronic_id: Number | None = Field(default=None, description="As on the coverage; tells which payer it is.")
    trace_number: Number = Field(description="Of the check or the transfer.")
    payment_on: date
    payment_cents: Annotated[int, Field(ge=0, le=10**12, strict=True)]
    method: Literal["CHK", "ACH", "NON"] = "CHK"
    claims: tuple[ClaimRead, ...] = Field(max_length=500)
    provider_adjustments: tuple[ProviderAdjustmentRead, ...] = Field(default=(), max_length=50)
    image_id: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="Of `POST /remittances/images`.")] | None = (
        None
    )

    def said(self) -> PaperRemittance:
        return PaperRemittance(
            payer_identifier=self.payer_identifier,
            payer_name=self.payer_name,
            payer_electronic_id=self.payer_electronic_id or "",
            trace_number=self.trace_number,
            payment_on=self.payment_on,
            payment_cents=self.payment_cents,
            method=self.method,
            claims=tuple(each.said() for each in self.claims),
            provider_adjustments=tuple(
                ProviderAdjustmentTold(
                    reason=each.reason, reference=each.reference or "", amount_cents=each.amount_cents
                )
                for each in self.provider_adjustments
            ),
        )


class ImageKept(BaseModel):
    document_id: str


def router(files: RemittanceFiles, documents: Documents) -> APIRouter:
    routes = APIRouter(tags=["remittances"])

    @routes.post("/remittances/images", status_code=201, openapi_extra=_PICTURES)
    async def keep_image(
        request: Request, image: Annotated[bytes, Body(media_type="application/pdf", min_length=1)], who: Poster
    ) -> ImageKept:
        """Keep a picture of an EOB: PDF, PNG or JPEG, as Content-Type says. The same again is the same document."""
        begins, kind = _KINDS.get(request.headers.get("content-type", "").partition(";")[0].strip(), (b"", ""))
        if not kind or not image.startswith(begins):
            raise NotAPicture("a picture of an EOB is application/pdf, image/png or image/jpeg, and begins like one")
        return ImageKept(document_id=await documents.put(who.tenant, image, kind))

    @routes.post("/remittances/paper", status_code=201)
    async def type_in(body: PaperRemittanceBody, cause: TypeIn) -> ReceivedRow:
        """Take in a remittance that came on paper. It is balanced, held, posted and taken back like an 835.

        404 when the picture that it names is not there."""
        image = None
        if body.image_id is not None:
            await documents.get(cause.tenant, body.image_id, Opener(actor=cause.actor, purpose="posting a remittance"))
            image = DocumentReference(document_id=body.image_id)
        [received] = await files.receive(as_835(body.said()), cause, Paper(entered_by=cause.actor, image=image))
        return ReceivedRow.of(received)

    return routes
