"""Which loops and segments does a remittance have? Source: ASC X12N 005010X221A1."""

from __future__ import annotations

from shared.codecs.x12.guides.notation import guide

_PROCEDURE = "AD,ER,HC,HP,IV,N4,N6,NU,UI,WK"
_NUMBERS = "EM,FX,TE r ?EM,EX,FX,TE,UR s ?EX,UR s"

REMITTANCE = guide(f"""
ST R1 =835 r
BPR R1 =C,D,H,I,P,U,X r =C,D =ACH,BOP,CHK,FWT,NON ?CCP,CTX ?01,04 s ?DA s s s ?01,04 s ?DA,SG s r
TRN R1 =1 r r s
CUR S1 =PR r s
REF S1 =EV r
REF S1 =F2 r
DTM S1 =405 r
@1000A R1
  N1 R1 =PR r ?XV s
  N3 R1 r s
  N4 R1 r s s s - - s
  REF S4 =2U,EO,HI,NF r
  PER S1 =CX s ?EM,FX,TE s ?EM,EX,FX,TE s ?EX s
  PER R> =BL s ?EM,TE,UR s ?EM,EX,FX,TE,UR s ?EM,EX,FX,UR s
  PER S1 =IC - =UR r
@1000B R1
  N1 R1 =PE r =FI,XV,XX r
  N3 S1 r s
  N4 S1 r s s s - - s
  REF S> =0B,D3,PQ,TJ r
  RDM S1 =BM,EM,FT,OL s s
@2000 S>
  LX R1 r
  TS3 S1 r r r r r sx19
  TS2 S1 sx19
  @2100 R>
    CLP R1 r =1,2,3,4,19,20,21,22,23,25 r r s =12,13,14,15,16,17,AM,CH,DS,HM,LM,MA,MB,MC,OF,TV,VA,WC,ZZ r s s - s s s
    CAS S99 =CO,OA,PI,PR r r s sx15
    NM1 R1 =QC =1 s s s - s ?34,HN,II,MI,MR s
    NM1 S1 =IL =1,2 s s s - s =FI,II,MI r
    NM1 S1 =74 =1,2 s s s - s ?C s
    NM1 S1 =82 =1,2 s s s - s =BD,BS,FI,MC,PC,SL,UP,XX r
    NM1 S1 =TT =2 r - - - - =AD,FI,NI,PI,PP,XV r
    NM1 S2 =PR =2 r - - - - =AD,FI,NI,PI,PP,XV r
    NM1 S1 =GB =1,2 s s s - s ?FI,II,MI s
    MIA S1 r s s s s s s s s s s s s s s s s s s s s s s s
    MOA S1 s s s s s s s s s
    REF S5 =1L,1W,28,6P,9A,9C,BB,CE,EA,F8,G1,G3,IG,SY r
    REF S10 =0B,1A,1B,1C,1D,1G,1H,1J,D3,G2,LU r
    DTM S4 =036,050,232,233 r
    PER S2 =CX s =EM,FX,TE r ?EM,EX,FX,TE s ?EX s
    AMT S13 =AU,D8,DY,F5,I,NL,T,T2,ZK,ZL,ZM,ZN,ZO r
    QTY S14 =CA,CD,LA,LE,NE,NR,OU,PS,VS,ZK,ZL,ZM,ZN,ZO r
    @2110 S999
      SVC R1 {{={_PROCEDURE} r s s s s s}} r r s s ?{{={_PROCEDURE} r s s s s s}} s
      DTM S2 =150,151,472 r
      CAS S99 =CO,OA,PI,PR r r s sx15
      REF S8 =1S,APC,BB,E9,G1,G3,LU,RB r
      REF S1 =6R r
      REF S10 =0B,1A,1B,1C,1D,1G,1H,1J,D3,G2,HPI,SY,TJ r
      REF S5 =0K r
      AMT S9 =B6,KH,T,T2,ZK,ZL,ZM,ZN,ZO r
      QTY S6 =ZK,ZL,ZM,ZN,ZO r
      LQ S99 =HE,RX r
PLB S> r r {{r s}} r ?{{r s}} s ?{{r s}} s ?{{r s}} s ?{{r s}} s ?{{r s}} s
SE R1 r r
""")
