"""Loop 2300 of an institutional claim. Source: ASC X12N 005010X223A2."""

CLAIM = """
@2300 S100
  CLM R1 r r - - {r =A r} - =A,B,C =N,W,Y =I,Y - - - - - - - - - - ?1,2,3,4,5,6,7,8,9,10,11,15
  DTP S1 =096 =TM r
  DTP R1 =434 =RD8,D8 r
  DTP S1 =435 =D8,DT r
  DTP S1 =050 =D8 r
  CL1 R1 s s r
  PWK S10 r =AA,BM,EL,EM,FT,FX - - ?AC s
  CN1 S1 =01,02,03,04,05,06,09 s s s s s
  AMT S1 =F3 r
  REF S1 =4N =1,2,3,4,5,6,7
  REF S1 =9F r
  REF S1 =G1 r
  REF S1 =F8 r
  REF S1 =9A r
  REF S1 =9C r
  REF S5 =LX r
  REF S1 =D9 r
  REF S1 =LU r
  REF S1 =EA r
  REF S1 =P4 r
  REF S1 =G4 r
  K3 S10 r
  NTE S10 =ALG,DCP,DGN,DME,MED,NTR,ODT,RHB,RLH,RNH,SET,SFM,SPT,UPI r
  NTE S1 =ADD r
  CRC S1 =ZZ =N,Y =AV,NU,S2,ST ?AV,NU,S2,ST ?AV,NU,S2,ST
  HI R1 {=ABK,BK r - - - - - - ?N,U,W,Y,1}
  HI S1 {=ABJ,BJ r}
  HI S1 {=APR,PR r} ?{=APR,PR r}x2
  HI S1 {=ABN,BN r - - - - - - ?N,U,W,Y,1} ?{=ABN,BN r - - - - - - ?N,U,W,Y,1}x11
  HI S1 {=DR r}
  HI S2 {=ABF,BF r - - - - - - ?N,U,W,Y,1} ?{=ABF,BF r - - - - - - ?N,U,W,Y,1}x11
  HI S1 {=BBR,BR,CAH r ?D8 s}
  HI S2 {=BBQ,BQ r =D8 r} ?{=BBQ,BQ r =D8 r}x11
  HI S2 {=BI r =RD8 r} ?{=BI r =RD8 r}x11
  HI S2 {=BH r =D8 r} ?{=BH r =D8 r}x11
  HI S2 {=BE r - - r} ?{=BE r - - r}x11
  HI S2 {=BG r} ?{=BG r}x11
  HI S2 {=TC r} ?{=TC r}x11
  HCP S1 r r s s s s s s s - ?DA,UN s s s s
  @2310A S1
    NM1 R1 =71 =1 r s s - s ?XX s
    PRV S1 =AT =PXC r
    REF S4 =0B,1G,G2,LU r
  @2310B S1
    NM1 R1 =72 =1 r s s - s ?XX s
    REF S4 =0B,1G,G2,LU r
  @2310C S1
    NM1 R1 =ZZ =1 r s s - s ?XX s
    REF S4 =0B,1G,G2,LU r
  @2310D S1
    NM1 R1 =82 =1 r s s - s ?XX s
    REF S4 =0B,1G,G2,LU r
  @2310E S1
    NM1 R1 =77 =2 r - - - - ?XX s
    N3 R1 r s
    N4 R1 $PLACE
    REF S3 =0B,G2,LU r
  @2310F S1
    NM1 R1 =DN =1 r s s - s ?XX s
    REF S3 =0B,1G,G2 r
  @2320 S10
    SBR R1 =$RANK =$RELATION s s - - - - ?$FILING
    $CAS
    AMT S1 =D r
    AMT S1 =EAF r
    AMT S1 =A8 r
    OI R1 - - =N,W,Y - - =I,Y
    MIA S1 r s s s s s s s s s s s s s s s s s s s s s s s
    MOA S1 s s s s s s s s s
    @2330A R1
      NM1 R1 =IL =1,2 r s s - s =II,MI r
      N3 S1 r s
      N4 S1 $PLACE
      REF S2 =SY r
    @2330B R1
      NM1 R1 =PR =2 r - - - - =PI,XV r
      N3 S1 r s
      N4 S1 $PLACE
      DTP S1 =573 =D8 r
      REF S3 =2U,EI,FY,NF r
      REF S1 =G1 r
      REF S1 =9F r
      REF S1 =T4 =Y
      REF S1 =F8 r
    @2330C S1
      NM1 R1 =71 =1
      REF R4 =0B,1G,G2,LU r
    @2330D S1
      NM1 R1 =72 =1
      REF R4 =0B,1G,G2,LU r
    @2330E S1
      NM1 R1 =ZZ =1
      REF R4 =0B,1G,G2,LU r
    @2330F S1
      NM1 R1 =77 =2
      REF R3 =0B,G2,LU r
    @2330G S1
      NM1 R1 =82 =1
      REF R4 =0B,1G,G2,LU r
    @2330H S1
      NM1 R1 =DN =1
      REF R3 =0B,1G,G2 r
    @2330I S1
      NM1 R1 =85 =2
      REF R2 =G2,LU r
  @2400 R999
    LX R1 r
    SV2 R1 r ?{=ER,HC,HP,IV,WK r s s s s s} r =DA,UN r - s
    PWK S5 r =AA,AB,AD,AF,AG,BM,EL,EM,FT,FX,NS - - ?AC s
    DTP S1 =472 =D8,RD8 r
    REF S1 =6R r
    REF S1 =9B r
    REF S1 =9D r
    AMT S1 =GT r
    AMT S1 =N8 r
    NTE S1 =TPO r
    HCP S1 r r s s s s s s ?ER,HC,HP,IV,WK s ?DA,UN s s s s
    @2410 S1
      LIN R1 - =N4 r
      CTP R1 - - - r {=F2,GR,ME,ML,UN}
      REF S1 =VY,XZ r
    @2420A S1
      NM1 R1 =72 =1 r s s - s ?XX s
      REF S20 =0B,1G,G2,LU r - ?{=2U r}
    @2420B S1
      NM1 R1 =ZZ =1 r s s - s ?XX s
      REF S20 =0B,1G,G2,LU r - ?{=2U r}
    @2420C S1
      NM1 R1 =82 =1 r s s - s ?XX s
      REF S20 =0B,1G,G2,LU r - ?{=2U r}
    @2420D S1
      NM1 R1 =DN =1 r s s - s ?XX s
      REF S20 =0B,1G,G2 r - ?{=2U r}
    @2430 S15
      SVD R1 r r ?{=ER,HC,HP,IV,WK r s s s s s} r r s
      $CAS
      DTP R1 =573 =D8 r
      AMT S1 =EAF r
"""
