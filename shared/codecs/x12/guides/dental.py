"""Loop 2300 of a dental claim. Source: ASC X12N 005010X224A2."""

CLAIM = """
@2300 S100
  CLM R1 r r - - {r =B r} =N,Y =A,B,C =N,W,Y =I,Y - ?{=AA,EM,OA ?AA,EM,OA ?AA,EM,OA s s} ?01,02,03,05 - - - - - - ?PB ?1,2,3,4,5,6,7,8,9,10,11,15
  DTP S1 =439 =D8 r
  DTP S1 =452 =D8 r
  DTP S1 =472 =D8,RD8 r
  DTP S1 =050 =D8 r
  DN1 S1 s s ?Y s
  DN2 S35 r =E,M - - - ?JP
  PWK S10 r =AA,BM,EL,EM,FT,FX - - ?AC s
  CN1 S1 =01,02,03,04,05,06,09 s s s s s
  AMT S1 =F5 r
  REF S1 =G3 r
  REF S1 =4N =1,2,3,4,5,6,7
  REF S1 =F8 r
  REF S1 =9F r
  REF S1 =G1 r
  REF S1 =9A r
  REF S1 =9C r
  REF S1 =D9 r
  K3 S10 r
  NTE S5 =ADD r
  HI S1 {=ABK,BK,TQ r} ?{=ABF,BF,TQ r}x3
  HCP S1 r r s s s - s - - - - - s s s
  @2310A S2
    NM1 R1 =DN,P3 =1 r s s - s ?XX s
    PRV S1 =RF =PXC r
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
  @2310D S1
    NM1 R1 =DD =1 r s s - s ?XX s
    PRV S1 =AS =PXC r
    REF S4 =0B,1G,G2,LU r
  @2310E S1
    NM1 R1 =DQ =1 r s s - s ?XX s
    REF S4 =0B,1G,G2,LU r
  @2320 S10
    SBR R1 =$RANK =$RELATION s s s - - - ?$FILING
    $CAS
    AMT S1 =D r
    AMT S1 =EAF r
    AMT S1 =A8 r
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
      REF S1 =G3 r
    @2330C S2
      NM1 R1 =DN,P3 =1
      REF R3 =0B,1G,G2 r
    @2330D S1
      NM1 R1 =82 =1,2
      REF R3 =0B,1G,G2,LU r
    @2330E S1
      NM1 R1 =DQ =1
      REF R4 =0B,1G,G2,LU r
    @2330F S1
      NM1 R1 =85 =1,2
      REF R2 =G2,LU r
    @2330G S1
      NM1 R1 =77 =2
      REF R3 =0B,G2,LU r
    @2330H S1
      NM1 R1 =DD =1
      REF R4 =0B,1G,G2,LU r
  @2400 R50
    LX R1 r
    SV3 R1 {=AD r s s s s s} r s ?{r s s s s} ?I,R r - - - - ?{r s s s}
    TOO S32 =JP r ?{=B,D,F,I,L,M,O ?B,D,F,I,L,M,O ?B,D,F,I,L,M,O ?B,D,F,I,L,M,O ?B,D,F,I,L,M,O}
    DTP S1 =472 =D8,RD8 r
    DTP S1 =441 =D8 r
    DTP S1 =446 =D8 r
    DTP S1 =196 =D8 r
    DTP S1 =198 =D8 r
    DTP S1 =452 =D8 r
    CN1 S1 =01,02,03,04,05,06,09 s s s s s
    REF S1 =G3 r - ?{=2U r}
    REF S5 =G1 r - ?{=2U r}
    REF S1 =6R r
    REF S1 =9A r
    REF S1 =9C r
    REF S5 =9F r - ?{=2U r}
    AMT S1 =T r
    K3 S10 r
    HCP S1 r r s s s - s - ?AD s ?UN s s s s
    @2420A S1
      NM1 R1 =82 =1,2 r s s - s ?XX s
      PRV S1 =PE =PXC r
      REF S20 =0B,1G,G2,LU r - ?{=2U r}
    @2420B S1
      NM1 R1 =DD =1 r s s - s ?XX s
      PRV S1 =AS =PXC r
      REF S20 =0B,1G,G2,LU r - ?{=2U r}
    @2420C S1
      NM1 R1 =DQ =1 r s s - s ?XX s
      REF S20 =0B,1G,G2,LU r - ?{=2U r}
    @2420D S1
      NM1 R1 =77 =2 r - - - - ?XX s
      N3 R1 r s
      N4 R1 $PLACE
      REF S20 =0B,G2,LU r - ?{=2U r}
    @2430 S15
      SVD R1 r r {=AD,ER r s s s s s} - r s
      $CAS
      DTP R1 =573 =D8 r
      AMT S1 =EAF r
"""
