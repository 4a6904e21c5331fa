using EdgeProxy.Slots;

namespace EdgeProxy.Proxying.Candidates;

/// <summary>What was decided about the client of a request while a candidate has a share of the traffic, and what its response says of it.</summary>
/// <param name="key">Of the switch.</param>
/// <param name="number">See <see cref="CandidateClient.Number"/>.</param>
/// <param name="cookie">To be set, name and value; null: the client has it, or is to get none.</param>
/// <param name="isTest">The response names the slot that made it.</param>
internal sealed class ClientChoice(CandidateKey key, int number, (string Name, string Value)? cookie, bool isTest)
    : CandidateClient(key, number)
{
    public (string Name, string Value)? Cookie => cookie;

    public bool IsTest => isTest;

    /// <summary>The slot whose response has begun; null: none has.</summary>
    public SlotName? Responds { get; private set; }

    /// <summary>Called when the app's response begins.</summary>
    /// <param name="context">The request.</param>
    /// <param name="slot">The slot that responds.</param>
    public void Mark(HttpContext context, SlotName slot)
    {
        Responds = slot;
        CandidateResponse.Of(context).IsPrivate |= isTest; // what a test has chosen is for the test
    }
}
