"""Which loops and segments do a claim status request, its answer and a claim acknowledgement have?

Source: ASC X12N 005010X212 (276, 277) and 005010X214 (277CA).
"""

from __future__ import annotations

from shared.codecs.x12.guides.notation import guide

_PROCEDURE = "{=AD,ER,HC,HP,IV,N4,NU,WK r s s s s}"
# Code source 507
_CATEGORIES = (
    "A0,A1,A2,A3,A4,A5,A6,A7,A8,D0,DR01,DR02,DR03,DR04,DR05,DR06,DR07,DR08,E0,E1,E2,E3,E4,F0,F1,F2,F3,F3F,F3N,F4,"
    "P0,P1,P2,P3,P4,P5,R0,R1,R3,R4,R5,R6,R7,R8,R9,R10,R11,R12,R13,R14,R15,R16,R17,RQ"
)
_STATUS_CODE = f"={_CATEGORIES} r s ?RX"


def _asked(trace: str) -> str:
    return f"""
{trace}      TRN R1 =1 r
{trace}      REF S1 =1K r
{trace}      REF S1 =BLT r
{trace}      REF S1 =LU r
{trace}      REF S1 =6P r
{trace}      REF S1 =EJ r
{trace}      REF S1 =XZ r
{trace}      REF S1 =D9 r
{trace}      AMT S1 =T3 r
{trace}      DTP S1 =472 =D8,RD8 r
{trace}      @2210 S>
{trace}        SVC R1 {_PROCEDURE} r - s - - s
{trace}        REF S1 =FJ r
{trace}        DTP R1 =472 =D8,RD8 r
"""


REQUEST = guide(f"""
ST R1 =276 r r
BHT R1 =0010 =13 r r r
@2000A R>
  HL R1 r - =20 =1
  @2100A R1
    NM1 R1 =PR =2 r - - - - =PI,XV r
  @2000B R>
    HL R1 r r =21 =1
    @2100B R1
      NM1 R1 =41 =1,2 s s s - s =46 r
    @2000C R>
      HL R1 r r =19 =1
      @2100C R2
        NM1 R1 =1P =1,2 s s s - s =FI,SV,XX r
      @2000D R>
        HL R1 r r =22 =0,1
        DMG S1 =D8 r ?F,M,U
        @2100D R1
          NM1 R1 =IL =1,2 r s s - s =24,II,MI r
        @2200D S>
{_asked("    ")}
        @2000E S>
          HL R1 r r =23 s
          DMG R1 =D8 r ?F,M,U
          @2100E R1
            NM1 R1 =QC =1 r s s - s
          @2200E R>
{_asked("      ")}
SE R1 r r
""")

_STC = f"STC R> {{{_STATUS_CODE}}} r - s s s - s s ?{{{_STATUS_CODE}}} ?{{{_STATUS_CODE}}}"


def _answered(trace: str) -> str:
    return f"""
{trace}      TRN R1 =2 r
{trace}      {_STC}
{trace}      REF S1 =1K r
{trace}      REF S1 =BLT r
{trace}      REF S1 =EJ r
{trace}      REF S1 =XZ r
{trace}      REF S1 =VV r
{trace}      REF S1 =D9 r
{trace}      DTP S1 =472 =D8,RD8 r
{trace}      @2220 S>
{trace}        SVC R1 {_PROCEDURE} r r s - - s
{trace}        {_STC}
{trace}        REF S1 =FJ r
{trace}        DTP R1 =472 =D8,RD8 r
"""


_STOPPED = f"STC R> {{{_STATUS_CODE}}} r - - - - - - - ?{{{_STATUS_CODE}}} ?{{{_STATUS_CODE}}}"

RESPONSE = guide(f"""
ST R1 =277 r r
BHT R1 =0010 =08 r r r =DG
@2000A R>
  HL R1 r - =20 =1
  @2100A R1
    NM1 R1 =PR =2 r - - - - =PI,XV r
    PER S1 =IC s =ED,EM,FX,TE r ?ED,EM,EX,FX,TE s ?ED,EM,EX,FX,TE s
  @2000B R>
    HL R1 r r =21 =0,1
    @2100B R1
      NM1 R1 =41 =1,2 s s s - s =46 r
    @2200B S1
      TRN R1 =2 r
      {_STOPPED}
    @2000C S>
      HL R1 r r =19 =0,1
      @2100C R2
        NM1 R1 =1P =1,2 s s s - s =FI,SV,XX r
      @2200C S1
        TRN R1 =1,2 r
        {_STOPPED}
      @2000D S>
        HL R1 r r =22 =0,1
        @2100D R1
          NM1 R1 =IL =1,2 s s s - s =24,II,MI r
        @2200D S>
{_answered("    ")}
        @2000E S>
          HL R1 r r =23 s
          @2100E R1
            NM1 R1 =QC =1 r s s - s
          @2200E R>
{_answered("      ")}
SE R1 r r
""")

_TAKEN = f"STC R> {{{_STATUS_CODE}}} r =U,WQ s - - - - - ?{{{_STATUS_CODE}}} ?{{{_STATUS_CODE}}} s"

ACKNOWLEDGEMENT = guide(f"""
ST R1 =277 r r
BHT R1 =0085 =08 r r r =TH
@2000A R1
  HL R1 r - =20 =1
  @2100A R1
    NM1 R1 =AY,PR =2 r - - - - =46,FI,PI,XV r
  @2200A R1
    TRN R1 =1 r
    DTP R1 =050 =D8 r
    DTP R1 =009 =D8 r
  @2000B R1
    HL R1 r r =21 =0,1
    @2100B R1
      NM1 R1 =41 =1,2 r s s - - =46 r
    @2200B R1
      TRN R1 =2 r
      {_TAKEN}
      QTY S1 =90 r
      QTY S1 =AA r
      AMT S1 =YU r
      AMT S1 =YY r
    @2000C S>
      HL R1 r r =19 =0,1
      @2100C R1
        NM1 R1 =85 =1,2 r s s s s =FI,SV,XX r
      @2200C S1
        TRN R1 =1,2 r
        {_TAKEN.replace("STC R>", "STC S>").replace("} r =U", "} s =U")}
        REF S3 =0B,1G,G2,LU,SY,TJ r
        QTY S1 =QA r
        QTY S1 =QC r
        AMT S1 =YU r
        AMT S1 =YY r
      @2000D S>
        HL R1 r r =PT -
        @2100D R1
          NM1 R1 =QC =1,2 r s s s s ?II,MI s
        @2200D R>
          TRN R1 =2 r
          {_TAKEN}
          REF S1 =1K r
          REF S1 =D9 r
          REF S1 =BLT r
          DTP R1 =472 =D8,RD8 r
          @2220D S>
            SVC R1 {_PROCEDURE} r - s - - s
            {_TAKEN.replace("=U,WQ", "=U")}
            REF S1 =FJ r
            REF S1 =XZ r
            DTP S1 =472 =D8,RD8 r
SE R1 r r
""")
