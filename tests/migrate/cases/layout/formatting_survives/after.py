# -*- coding: utf-8 -*-
import dspy as d


class   Odd( d.Module ) :

    def __init__( self ):
        super().__init__( )
        self.p = d.Predict( 'frage -> antwort' )   # größer

    async def forward( self, settings: d.Settings, frage , * , stil = "größer" ) :  # grüße
        a = await self.p( settings, frage = frage )    ; b = await self.p(
            settings,
            frage = "nochmal", # zwei
        )
        return  ( a.antwort +
                  b.antwort )


async def x(settings: d.Settings):
    return await Odd( )( settings, frage = "ä" )
