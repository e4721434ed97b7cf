# -*- coding: utf-8 -*-
import dspy as d


class   Odd( d.Module ) :

    def __init__( self ):
        super().__init__( )
        self.p = d.Predict( 'frage -> antwort' )   # größer

    def forward( self, frage , * , stil = "größer" ) :  # grüße
        a = self.p( frage = frage )    ; b = self.p(
            frage = "nochmal", # zwei
        )
        return  ( a.antwort +
                  b.antwort )


x = lambda : Odd( )( frage = "ä" )
