namespace EdgeProxy.Proxying;

/// <summary>A duplex stream whose writing side can be ended alone: the peer reads the end of the stream, and can still be read from.</summary>
internal interface IHalfClosable
{
    /// <summary>Ends the writing side, after everything that was written. Called once; an error of a connection that is gone already is not thrown.</summary>
    void CompleteWrites();
}
