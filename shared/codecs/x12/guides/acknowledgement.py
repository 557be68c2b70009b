"""Which segments does an acknowledgement have? Source: ASC X12N 005010X231A1."""

from __future__ import annotations

from shared.codecs.x12.guides.notation import guide

_SET_CODES = "?1,2,3,4,5,6,7,8,9,10,11,12,13,15,16,17,18,19,23,24,25,26,27,I5,I6"
_SET_NOTES = " ".join([_SET_CODES] * 5)
_GROUP_NOTES = " ".join(["?1,2,3,4,5,6,10,11,12,13,14,15,16,17,18,19,23,24,25,26"] * 5)

ACKNOWLEDGEMENT = guide(f"""
ST R1 =999 r r
AK1 R1 r r r
@2000 S>
  AK2 R1 r r s
  @2100 S>
    IK3 R1 r r s ?1,2,3,4,5,6,7,8,I4,I6,I7,I8,I9
    CTX S10 {{r s}} s s s ?{{r s s}} ?{{r s}}
    @2110 S>
      IK4 R1 {{r s s}} s =1,2,3,4,5,6,7,8,9,10,11,12,13,I6,I9,I10,I11,I12,I13 s
      CTX S10 {{r s}} s s s ?{{r s s}} ?{{r s}}
  IK5 R1 =A,E,M,R,W,X {_SET_NOTES}
AK9 R1 =A,E,M,P,R,W,X r r r {_GROUP_NOTES}
SE R1 r r
""")
