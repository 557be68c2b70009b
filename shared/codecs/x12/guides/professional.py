"""Loop 2300 of a professional claim. Source: ASC X12N 005010X222A1."""

CLAIM = """
@2300 S100
  CLM R1 r r - - {r =B r} =N,Y =A,B,C =N,W,Y =I,Y ?P ?{=AA,EM,OA ?AA,EM,OA - s s} ?02,03,05,09 - - - - - - - ?1,2,3,4,5,6,7,8,9,10,11,15
  DTP S1 =431 =D8 r
  DTP S1 =454 =D8 r
  DTP S1 =304 =D8 r
  DTP S1 =453 =D8 r
  DTP S1 =439 =D8 r
  DTP S1 =484 =D8 r
  DTP S1 =455 =D8 r
  DTP S1 =471 =D8 r
  DTP S1 =314,360,361 =D8,RD8 r
  DTP S1 =297 =D8 r
  DTP S1 =296 =D8 r
  DTP S1 =435 =D8 r
  DTP S1 =096 =D8 r
  DTP S2 =090,091 =D8 r
  DTP S1 =444 =D8 r
  DTP S1 =050 =D8 r
  PWK S10 r =AA,BM,EL,EM,FT,FX - - ?AC s
  CN1 S1 =01,02,03,04,05,06,09 s s s s s
  AMT S1 =F5 r
  REF S1 =4N =1,2,3,4,5,6,7
  REF S1 =F5 =N,Y
  REF S1 =EW r
  REF S1 =9F r
  REF S1 =G1 r
  REF S1 =F8 r
  REF S1 =X4 r
  REF S1 =9A r
  REF S1 =9C r
  REF S1 =LX r
  REF S1 =D9 r
  REF S1 =EA r
  REF S1 =P4 r
  REF S1 =1J r
  K3 S10 r
  NTE S1 =ADD,CER,DCP,DGN,TPO r
  CR1 S1 ?LB s - =A,B,C,D,E =DH r - - s s
  CR2 S1 - - - - - - - =A,C,D,E,F,G,M - s s
  CRC S3 =07 =N,Y =01,04,05,06,07,08,09,12 ?01,04,05,06,07,08,09,12x4
  CRC S3 =E1,E2,E3 =N,Y =L1,L2,L3,L4,L5 ?L1,L2,L3,L4,L5x4
  CRC S1 =75 =Y =IH
  CRC S1 =ZZ =N,Y =AV,NU,S2,ST ?AV,NU,S2,ST ?AV,NU,S2,ST
  HI R1 {=ABK,BK r} ?{=ABF,BF r}x11
  HI S1 {=BP r} ?{=BO r}
  HI S2 {=BG r} ?{=BG r}x11
  HCP S1 r r s s s s s - - - - - s s s
  @2310A S2
    NM1 R1 =DN,P3 =1 r s s - s ?XX s
    REF S3 =0B,1G,G2 r
  @2310B S1
    NM1 R1 =82 =1,2 r s s - s ?XX s
    PRV S1 =PE =PXC r
    REF S4 =0B,1G,G2,LU r
  @2310C S1
    NM1 R1 =77 =2 r - - - - ?XX s
    N3 R1 r s
    N4 R1 $PLACE
    REF S3 =0B,G2,LU r
    PER S1 =IC s =TE r ?EX s
  @2310D S1
    NM1 R1 =DQ =1 r s s - s ?XX s
    REF S4 =0B,1G,G2,LU r
  @2310E S1
    NM1 R1 =PW =2
    N3 R1 r s
    N4 R1 $PLACE
  @2310F S1
    NM1 R1 =45 =2 s
    N3 R1 r s
    N4 R1 $PLACE
  @2320 S10
    SBR R1 =$RANK =$RELATION s s ?$SECOND - - - ?$FILING
    $CAS
    AMT S1 =D r
    AMT S1 =A8 r
    AMT S1 =EAF r
    OI R1 - - =N,W,Y ?P - =I,Y
    MOA S1 s s s s s s s s s
    @2330A R1
      NM1 R1 =IL =1,2 r s s - s =II,MI r
      N3 S1 r s
      N4 S1 $PLACE
      REF S1 =SY r
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
    @2330C S2
      NM1 R1 =DN,P3 =1
      REF R3 =0B,1G,G2 r
    @2330D S1
      NM1 R1 =82 =1,2
      REF R3 =0B,1G,G2,LU r
    @2330E S1
      NM1 R1 =77 =2
      REF R3 =0B,G2,LU r
    @2330F S1
      NM1 R1 =DQ =1
      REF R4 =0B,1G,G2,LU r
    @2330G S1
      NM1 R1 =85 =1,2
      REF R2 =G2,LU r
  @2400 R50
    LX R1 r
    SV1 R1 {=ER,HC,IV,WK r s s s s s} r =MJ,UN r s - {r s s s} - ?Y - ?Y ?Y - - ?0
    SV5 S1 {=HC r} =DA r r r =1,4,6
    PWK S11 r =AA,AB,AD,AF,AG,BM,EL,EM,FT,FX,NS - - ?AC s
    CR1 S1 ?LB s - =A,B,C,D,E =DH r - - s s
    CR3 S1 =I,R,S =MO r
    CRC S3 =07 =N,Y =01,04,05,06,07,08,09,12 ?01,04,05,06,07,08,09,12x4
    CRC S1 =70 =N,Y =65
    CRC S1 =09 =N,Y =38,ZV ?38,ZV
    DTP R1 =472 =D8,RD8 r
    DTP S1 =471 =D8 r
    DTP S1 =607 =D8 r
    DTP S1 =463 =D8 r
    DTP S1 =461 =D8 r
    DTP S1 =304 =D8 r
    DTP S2 =738,739 =D8 r
    DTP S1 =011 =D8 r
    DTP S1 =455 =D8 r
    DTP S1 =454 =D8 r
    QTY S1 =PT r
    QTY S1 =FL r
    MEA S5 =OG,TR =HT,R1,R2,R3,R4 r
    CN1 S1 =01,02,03,04,05,06,09 s s s s s
    REF S1 =9B r
    REF S1 =9D r
    REF S5 =G1 r - ?{=2U r}
    REF S1 =6R r
    REF S1 =EW r
    REF S1 =X4 r
    REF S1 =F4 r
    REF S1 =BT r
    REF S5 =9F r - ?{=2U r}
    AMT S1 =T r
    AMT S1 =F4 r
    K3 S10 r
    NTE S1 =ADD,DCP r
    NTE S1 =TPO r
    PS1 S1 r r
    HCP S1 r r s s s s s - ?ER,HC,IV,WK s ?MJ,UN s s s s
    @2410 S1
      LIN R1 - =EN,EO,HI,N4,ON,UK,UP r
      CTP R1 - - - r {=F2,GR,ME,ML,UN}
      REF S1 =VY,XZ r
    @2420A S1
      NM1 R1 =82 =1,2 r s s - s ?XX s
      PRV S1 =PE =PXC r
      REF S20 =0B,1G,G2,LU r - ?{=2U r}
    @2420B S1
      NM1 R1 =QB =1,2 - - - - - ?XX s
      REF S20 =0B,1G,G2 r - ?{=2U r}
    @2420C S1
      NM1 R1 =77 =2 r - - - - ?XX s
      N3 R1 r s
      N4 R1 $PLACE
      REF S3 =G2,LU r - ?{=2U r}
    @2420D S1
      NM1 R1 =DQ =1 r s s - s ?XX s
      REF S20 =0B,1G,G2,LU r - ?{=2U r}
    @2420E S1
      NM1 R1 =DK =1 r s s - s ?XX s
      N3 S1 r s
      N4 S1 $PLACE
      REF S20 =0B,1G,G2 r - ?{=2U r}
      PER S1 =IC s $PHONE
    @2420F S2
      NM1 R1 =DN,P3 =1 r s s - s ?XX s
      REF S20 =0B,1G,G2 r - ?{=2U r}
    @2420G S1
      NM1 R1 =PW =2
      N3 R1 r s
      N4 R1 $PLACE
    @2420H S1
      NM1 R1 =45 =2 s
      N3 R1 r s
      N4 R1 $PLACE
    @2430 S15
      SVD R1 r r {=ER,HC,IV,WK r s s s s s} - r s
      $CAS
      DTP R1 =573 =D8 r
      AMT S1 =EAF r
    @2440 S>
      LQ R1 =AS,UT r
      FRM R99 r ?N,W,Y s s s
"""
