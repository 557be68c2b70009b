"""Which loops and segments does a claim have? The parts that 837P, 837I and 837D share, and the three guides.

Source: ASC X12N 005010X222A1, 005010X223A2, 005010X224A2.
"""

from __future__ import annotations

from string import Template
from textwrap import dedent, indent

from shared.codecs.x12.guides import dental, institutional, professional
from shared.codecs.x12.guides.notation import LoopUse, guide

_CODES = {
    "FILING": "11,12,13,14,15,16,17,AM,BL,CH,CI,DS,FI,HM,LM,MA,MB,MC,OF,TV,VA,WC,ZZ",
    "RANK": "A,B,C,D,E,F,G,H,P,S,T,U",
    "SECOND": "12,13,14,15,16,41,42,43,47",
    "RELATION": "01,18,19,20,21,39,40,53,G8",
    "DEPENDENT": "01,19,20,21,39,40,53,G8",
    "GROUP": "CO,CR,OA,PI,PR",
    "PHONE": "=EM,FX,TE r ?EM,EX,FX,TE s ?EM,EX,FX,TE s",
    "PLACE": "r s s s - - s",
}

_ENVELOPE = """
ST R1 =837 r r
BHT R1 =0019 =00,18 r r r =31,CH,RP
@1000A R1
  NM1 R1 =41 =1,2 r s s - - =46 r
  PER R2 =IC s $PHONE
@1000B R1
  NM1 R1 =40 =2 r - - - - =46 r
@2000A R>
  HL R1 r - =20 =1
  PRV S1 =BI =PXC r
  CUR S1 =85 r
  @2010AA R1
    NM1 R1 =85 $BILLING r s s - s ?XX s
    N3 R1 r s
    N4 R1 $PLACE
    REF R1 =EI,SY r
    REF S2 =0B,1G r
    PER S2 =IC s $PHONE
  @2010AB S1
    NM1 R1 =87 =1,2
    N3 R1 r s
    N4 R1 $PLACE
  @2010AC S1
    NM1 R1 =PE =2 r - - - - =PI,XV r
    N3 R1 r s
    N4 R1 $PLACE
    REF S1 =2U,FY,NF r
    REF R1 =EI r
  @2000B R>
    HL R1 r r =22 =0,1
    SBR R1 =$RANK ?18 s s ?$SECOND - - - ?$FILING
    PAT S1 - - - - ?D8 s ?01 s ?Y
    @2010BA R1
      NM1 R1 =IL =1,2 r s s - s ?II,MI s
      N3 S1 r s
      N4 S1 $PLACE
      DMG S1 =D8 r =F,M,U
      REF S1 =SY r
      REF S1 =Y4 r
      PER S1 =IC s =TE r ?EX s
    @2010BB R1
      NM1 R1 =PR =2 r - - - - =PI,XV r
      N3 S1 r s
      N4 S1 $PLACE
      REF S3 =2U,EI,FY,NF r
      REF S2 =G2,LU r
$OWN_CLAIM
    @2000C S>
      HL R1 r r =23 =0
      PAT R1 =$DEPENDENT - - - ?D8 s ?01 s ?Y
      @2010CA R1
        NM1 R1 =QC =1 r s s - s
        N3 R1 r s
        N4 R1 $PLACE
        DMG R1 =D8 r =F,M,U
        REF S1 =Y4 r
        REF S1 =1W,SY r
        PER S1 =IC s =TE r ?EX s
$DEPENDENT_CLAIM
SE R1 r r
"""


def _claims(claim: str, *, billing: str) -> LoopUse:
    """The guide around a claim loop; $ADJUSTMENT and the code lists are filled in."""
    loop = dedent(claim).strip("\n").replace("$CAS", "CAS S5 =$GROUP r r s sx15")
    text = _ENVELOPE.replace("$OWN_CLAIM", indent(loop, "    ")).replace("$DEPENDENT_CLAIM", indent(loop, "      "))
    return guide(Template(text).substitute(_CODES, BILLING=billing))


PROFESSIONAL = _claims(professional.CLAIM, billing="=1,2")
INSTITUTIONAL = _claims(institutional.CLAIM, billing="=2")
DENTAL = _claims(dental.CLAIM, billing="=1,2")
