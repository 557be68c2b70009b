"""Which loops and segments does a request for a review of services have, and its answer?

Source: ASC X12N 005010X217.
"""

from __future__ import annotations

from shared.codecs.x12.guides.notation import guide

_PLACE = "s s s s - - s"
_REASON = "AAA S9 =N,Y - r ?C,N,P,R"
_MEMBER = """
      REF S9 =1L,1W,3L,6P,DP,EJ,F6,HJ,IG,N6,NQ,SY r
      N3 S1 r s
      N4 S1 s s s s - - s
      $REASON
      DMG S1 =D8 r ?F,M,U
      INS S1 =N,Y =01,18,19,20,21,39,40,53,G8 - - - - - s - - - - - - - - s
"""
_EVENT = """
      TRN S3 =1,2 r r s
      $REASON
      UM R1 =AR,HS,IN,SC ?1,2,3,4,I,N,R,S s ?{r =A,B s} ?{r s s s s} s s s s s
      HCR S1 =A1,A2,A3,A4,A6,C,CT,NA s s s
      REF S2 =BB,NT r
      DTP S1 =439 =D8 r
      DTP S1 =484 =D8 r
      DTP S1 =ABC =D8 r
      DTP S1 =431 =D8 r
      DTP S1 =AAH =D8,RD8 r
      DTP S1 =435 =D8,RD8 r
      DTP S1 =096 =D8 r
      DTP S1 =036,102,472 =D8,RD8 r
      DTP S1 =007 =D8,RD8 r
      HI S1 {=ABF,ABJ,ABK,APR,BF,BJ,BK,DR,LOI,PR r ?D8 s - - -} ?{=ABF,ABJ,ABK,APR,BF,BJ,BK,DR,LOI,PR r ?D8 s - - -}x11
      HSD S1 ?DY,FL,HS,MN,VS s ?DA,MO,WK s ?6,7,21,26,27,29,34,35 s s s
      CRC S6 =07,08,11,75,76,77 =N,Y r s s s s
      CL1 S1 s s s s
      CR1 S1 - - =I,R,T,X s ?DH s s s s s
      CR2 S1 s s s s s s s - s s s s
      CR5 S1 sx18
      CR6 S1 sx21
      PWK S10 r =AA,BM,EL,EM,FT,FX,VO - - ?AC s s
      MSG S1 r
      @2010EA S14
        NM1 R1 =71,72,73,77,AAJ,DD,DK,DN,FA,G3,P3,QB,QV,SJ,1T,2A,2B,36,L5,ND,PW,45,FS,R3 =1,2 s s s s s ?24,34,46,FI,PI,XV,XX s
        REF S8 =0B,1G,1J,EI,N5,N7,SY,ZH,LU r s
        N3 S1 r s
        N4 S1 s s s s - - s
        PER S1 =IC s s s s s s s
        $REASON
        PRV S1 =AD,AS,AT,OP,OR,OT,PC,PE,RF r r
        DTP S2 r r r
"""
_SERVICE = """
      TRN S3 =1,2 r r s
      $REASON
      UM S1 =AR,HS,IN,SC s s ?{r =A,B s} s s s s s s
      HCR S1 =A1,A2,A3,A4,A6,C,CT,NA s s s
      REF S2 =BB,NT r
      DTP S1 =472 =D8,RD8 r
      DTP S1 =036 =D8,RD8 r
      DTP S1 =007 =D8,RD8 r
      DTP S1 =102 =D8,RD8 r
      HI S1 sx12
      SV1 S1 r s ?F2,MJ,UN s - - ?{r s s s} - - - ?Y - - - - - - - s
      SV2 S1 s s s ?DA,F2,UN s s - - s s
      SV3 S1 r s - ?{r s s s s} ?I,R s s - - -
      TOO S32 =JO,JP s s
      HSD S1 ?DY,FL,HS,MN,VS s ?DA,MO,WK s ?6,7,21,26,27,29,34,35 s s s
      PWK S10 r =AA,BM,EL,EM,FT,FX,VO - - ?AC s s
      MSG S1 r
      @2010F S12
        NM1 R1 =1T,72,73,77,DD,DK,DQ,FA,G3,P3,QB,SJ,2B,36,L5 =1,2 s s s s s ?24,34,46,FI,PI,XV,XX s
        REF S8 =0B,1G,1J,EI,N5,N7,SY,ZH,LU r s
        N3 S1 r s
        N4 S1 s s s s - - s
        PER S1 =IC s s s s s s s
        $REASON
        PRV S1 =AS,AT,OP,OR,OT,PC,PE,RF r r
"""


def _review(purposes: str, types: str) -> str:
    text = f"""
ST R1 =278 r r
BHT R1 =0007 {purposes} r r r {types}
@2000A R1
  HL R1 r - =20 =0,1
  {_REASON}
  @2010A R1
    NM1 R1 =2B,36,PR,X3 =1,2 s s s - s =24,34,46,FI,PI,XV,XX r
    PER S1 =IC s s s s s s s
    {_REASON}
  @2000B S1
    HL R1 r r =21 =0,1
    @2010B R2
      NM1 R1 =1P,2B,36,80,FA,X3 =1,2 s s s - s =24,34,46,FI,XV,XX r
      REF S8 =1G,1J,EI,N5,N7,SY,ZH,CT r s
      N3 S1 r s
      N4 S1 {_PLACE}
      PER S1 =IC s s s s s s s
      {_REASON}
      PRV S1 =AD,AS,AT,CO,CV,OP,OR,OT,PC,PE,RF,H,HH,LA,SB,SK,SU =PXC r
    @2000C S1
      HL R1 r r =22 =0,1
      @2010C R1
        NM1 R1 =IL =1 s s s s s =II,MI r
{_MEMBER.replace("      ", "        ")}
      @2000D S1
        HL R1 r r =23 =0,1
        @2010D R1
          NM1 R1 =QC =1 s s s s s
{_MEMBER.replace("      ", "          ")}
        @2000E S>
          HL R1 r r =EV =0,1
{_EVENT.replace("      ", "          ")}
          @2000F S>
            HL R1 r r =SS =0
{_SERVICE.replace("      ", "            ")}
      @2000E S>
        HL R1 r r =EV =0,1
{_EVENT.replace("      ", "        ")}
        @2000F S>
          HL R1 r r =SS =0
{_SERVICE.replace("      ", "          ")}
SE R1 r r
"""
    return text.replace("$REASON", _REASON)


REQUEST = guide(_review("=01,13,36", "s"))
RESPONSE = guide(_review("=11", "s"))
