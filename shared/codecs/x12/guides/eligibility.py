"""Which loops and segments do an eligibility request and its answer have? Source: ASC X12N 005010X279A1."""

from __future__ import annotations

from shared.codecs.x12.guides.notation import guide

_PLACE = "s s s s - - s"
_PRV = "=AD,AT,BI,CO,CV,H,HH,LA,OT,P1,P2,PC,PE,R,RF,SB,SK,SU ?9K,D3,EI,HPI,PXC,SY,TJ s"
_PROCEDURE = "=AD,CJ,HC,ID,IV,N4,ZZ r s s s s s s"
_PATIENT_REF = "18,1L,1W,3H,49,6P,CT,EA,EJ,F6,GH,HJ,IF,IG,ML,MRC,N6,NQ,Q4,SY,Y4"

_SERVICE_TYPES = (
    "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,30,32,33,34,35,36,37,38,"
    "39,40,41,42,43,44,45,46,47,48,49,50,51,52,53,54,55,56,57,58,59,60,61,62,63,64,65,66,67,68,69,70,71,"
    "72,73,74,75,76,77,78,79,80,81,82,83,84,85,86,87,88,89,90,91,92,93,94,95,96,97,98,99,A0,A1,A2,A3,A4,"
    "A5,A6,A7,A8,A9,AA,AB,AC,AD,AE,AF,AG,AH,AI,AJ,AK,AL,AM,AN,AO,AQ,AR,B1,B2,B3,BA,BB,BC,BD,BE,BF,BG,BH,"
    "BI,BJ,BK,BL,BM,BN,BP,BQ,BR,BS,BT,BU,BV,BW,BX,BY,BZ,C1,CA,CB,CC,CD,CE,CF,CG,CH,CI,CJ,CK,CL,CM,CN,CO,"
    "CP,CQ,DG,DM,DS,GF,GN,GY,IC,MH,NI,ON,PT,PU,RN,RT,TC,TN,UC"
)
_INSURANCE_TYPES = (
    "12,13,14,15,16,41,42,43,47,AP,C1,CO,CP,D,DB,EP,FF,GP,HM,HN,HS,IN,IP,LC,LD,LI,LT,MA,MB,MC,MH,MI,MP,OT,PE,PL,PP,PR,PS,"
    "QM,RP,SP,TF,WC,WU"
)
_QUANTITIES = "8H,99,CA,CE,D3,DB,DY,HS,LA,LE,M2,MN,P6,QA,S7,S8,VS,YY"

_ASKED = f"""
      EQ R1 ?{_SERVICE_TYPES}*99 ?{{{_PROCEDURE}}} ?FAM - ?{{r s s s}}
      AMT S1 =R r
      AMT S1 =PB r
      III S1 =ZZ r
      REF S1 =9F,G1 r
      DTP S1 =291 =D8,RD8 r
"""

REQUEST = guide(f"""
ST R1 =270 r r
BHT R1 =0022 =01,13,36 s r r ?RT
@2000A R>
  HL R1 r - =20 =1
  @2100A R1
    NM1 R1 =2B,36,GP,P5,PR =1,2 r s s - s =24,46,FI,NI,PI,XV,XX r
  @2000B R>
    HL R1 r r =21 =1
    @2100B R1
      NM1 R1 =1P,2B,36,80,FA,GP,P5,PR =1,2 s s s - s =24,34,FI,PI,PP,SV,XV,XX r
      REF S9 =0B,1C,1D,1J,4A,CT,EL,EO,HPI,JD,N5,N7,Q4,SY,TJ r s
      N3 S1 r s
      N4 S1 {_PLACE}
      PRV S1 {_PRV}
    @2000C R>
      HL R1 r r =22 =0,1
      TRN S2 =1 r r s
      @2100C R1
        NM1 R1 =IL =1,2 s s s - s ?II,MI s
        REF S9 ={_PATIENT_REF} r
        N3 S1 r s
        N4 S1 {_PLACE}
        PRV S1 {_PRV}
        DMG S1 ?D8 s ?F,M
        INS S1 =Y =18 - - - - - - - - - - - - - - s
        HI S1 {{=ABK,BK r}} ?{{=ABF,BF r}}x7
        DTP S2 =102,291 =D8,RD8 r
        @2110C S99
{_ASKED.replace("      ", "          ")}
      @2000D S>
        HL R1 r r =23 =0
        TRN S2 =1 r r s
        @2100D R1
          NM1 R1 =03 =1 s s s - s
          REF S9 ={_PATIENT_REF} r
          N3 S1 r s
          N4 S1 {_PLACE}
          PRV S1 {_PRV}
          DMG S1 ?D8 s ?F,M
          INS S1 =N =01,19,34,39,40,53,G8,20,21 - - - - - - - - - - - - - - s
          HI S1 {{=ABK,BK r}} ?{{=ABF,BF r}}x7
          DTP S2 =102,291 =D8,RD8 r
          @2110D R99
{_ASKED.replace("      ", "            ")}
SE R1 r r
""")

_FOLLOW_UP = "=C,N,P,R,S,W,X,Y"


def _refused(reasons: str) -> str:
    return f"AAA S9 =N,Y - ={reasons} {_FOLLOW_UP}"


_OF_SYSTEM, _OF_SOURCE = _refused("04,41,42,79"), _refused("04,41,42,79,80,T4")
_OF_RECEIVER = _refused("15,41,43,44,45,46,47,48,50,51,79,97,T4")
_OF_MEMBER = _refused("15,35,42,43,45,47,48,49,51,52,56,57,58,60,61,62,63,64,65,66,67,68,71,72,73,74,75,76,77,78")
_OF_BENEFIT = _refused("15,33,52,53,54,55,56,57,60,61,62,63,69,70,98,AA,AE,AF,AG,AO,CI,E8,IA,MA")
_DATES = "096,102,152,291,307,318,340,341,342,343,346,347,356,357,382,435,442,458,472,539,540,636,771"
_BENEFIT_DATES = "096,193,194,198,290,291,292,295,304,307,318,346,347,348,349,356,357,435,472,636,771"
_MONEY_PERIOD = "6,7,13,21,22,23,24,25,26,27,28,29,30,31,32,33,34,35,36"
_INFORMATION = "1,2,3,4,5,6,7,8,A,B,C,CB,D,E,F,G,H,I,J,K,L,M,MC,N,O,P,Q,R,S,T,U,V,W,X,Y"

_BENEFIT = f"""
      EB R1 ={_INFORMATION} ?CHD,DEP,ECH,EMP,ESP,FAM,IND,SPC,SPO ?{_SERVICE_TYPES}*99 ?{_INSURANCE_TYPES} s ?{_MONEY_PERIOD} s s ?{_QUANTITIES} s ?N,U,Y ?N,U,W,Y ?{{{_PROCEDURE}}} ?{{r s s s}}
      HSD S9 ?CA,FL,HS,MN,P6,VS,DY s ?DA,MO,VS,WK,YR s ?6,7,21,22,23,24,25,26,27,28,29,30,31,32,33,34,35 s s s
      REF S9 =18,1L,1W,49,6P,9F,ALS,CLI,F6,FO,G1,IG,M7,N6,NQ r s
      DTP S20 ={_BENEFIT_DATES} =D8,RD8 r
      {_OF_BENEFIT}
      MSG S10 r
      @2115 S10
        III R1 ?BF,BK,ABF,ABK,GR,NI,ZZ,MH s s s
      LS S1 =2120
      @2120 S23
        NM1 R1 =13,1I,1P,2B,36,73,FA,GP,GW,I3,IL,LR,OC,P3,P4,P5,PR,PRP,SEP,TTP,VN,VY,X3,Y2 =1,2 s s s - s s s
        N3 S1 r s
        N4 S1 {_PLACE.replace("- -", "s s")}
        PER S3 =IC s s s s s s s
        PRV S1 {_PRV}
      LE S1 =2120
"""

_MEMBER_AFTER_NAME = f"""
      REF S9 ={_PATIENT_REF} r s
      N3 S1 r s
      N4 S1 {_PLACE.replace("- -", "s s")}
      {_OF_MEMBER}
      PRV S1 {_PRV}
      DMG S1 ?D8 s ?F,M,U
"""

RESPONSE = guide(f"""
ST R1 =271 r r
BHT R1 =0022 =06,11 s r r
@2000A R1
  HL R1 r - =20 =0,1
  {_OF_SYSTEM}
  @2100A R1
    NM1 R1 =2B,36,GP,P5,PR =1,2 s s s s s =24,46,FI,NI,PI,XV,XX r
    PER S3 =IC s s s s s s s
    {_OF_SOURCE}
  @2000B S>
    HL R1 r r =21 =0,1
    @2100B R1
      NM1 R1 =1P,2B,36,80,FA,GP,P5,PR =1,2 s s s s s =24,34,FI,PI,PP,SV,XV,XX r
      REF S9 =0B,1C,1D,1J,4A,CT,EL,EO,HPI,JD,N5,N7,Q4,SY,TJ r s
      N3 S1 r s
      N4 S1 {_PLACE}
      {_OF_RECEIVER}
      PRV S1 {_PRV}
    @2000C S>
      HL R1 r r =22 =0,1
      TRN S3 =1,2 r r s
      @2100C R1
        NM1 R1 =IL =1,2 s s s s s ?II,MI s
{_MEMBER_AFTER_NAME.replace("      ", "        ")}
        INS S1 =Y =18 s s - - - - s s - - - - - - s
        HI S1 {{=ABK,BK r}} ?{{=ABF,BF r}}x7
        DTP S9 ={_DATES} =D8,RD8 r
        MPI S1 r r r s s s s
        @2110C S>
{_BENEFIT.replace("      ", "          ")}
      @2000D S>
        HL R1 r r =23 =0
        TRN S3 =1,2 r r s
        @2100D R1
          NM1 R1 =03 =1 s s s s s s s
{_MEMBER_AFTER_NAME.replace("      ", "          ")}
          INS S1 =N =01,19,20,21,39,40,53,G8 s s - - - - s s - - - - - - s
          HI S1 {{=ABK,BK r}} ?{{=ABF,BF r}}x7
          DTP S9 ={_DATES} =D8,RD8 r
          MPI S1 r r r s s s s
          @2110D S>
{_BENEFIT.replace("      ", "            ")}
SE R1 r r
""")
